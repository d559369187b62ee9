# The small model that the project ships: Oriented R-CNN on a half-width ResNet-18 and a 64-channel
# pyramid, trained from scratch on 640x512 infrared images. Half of the persons are below 19 x 11 px,
# so anchors start at 16 px on stride 4.
_base_ = [
    '../_base_/models/oriented_rcnn_r50_fpn.py',
    '../_base_/datasets/hit_uav.py',
    '../_base_/schedules/schedule_3x.py',
    '../_base_/default_runtime.py',
]

proposals = dict(nms_pre=1000, max_per_img=1000)
model = dict(
    backbone=dict(depth=18, base_channels=32, norm_eval=False, frozen_stages=-1, init_cfg=None),
    neck=dict(in_channels=[32, 64, 128, 256], out_channels=64),
    rpn_head=dict(in_channels=64, feat_channels=64, anchor_generator=dict(scales=[4])),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=64, finest_scale=28),
        bbox_head=dict(in_channels=64, fc_out_channels=256, num_classes=4),
    ),
    train_cfg=dict(rpn_proposal=proposals, rcnn=dict(sampler=dict(num=256))),
    # bicycles and people stand side by side: 0.1, as for DOTA, drops neighbours (mAP 0.588 in place of 0.613)
    test_cfg=dict(rpn=proposals, rcnn=dict(nms_pre=1000, max_per_img=300, nms=dict(iou_thr=0.4))),
)

data = dict(samples_per_gpu=4)
optimizer = dict(_delete_=True, type='AdamW', lr=1e-3, weight_decay=0.05)
auto_scale_lr = dict(base_batch_size=4)
optimizer_config = dict(grad_clip=dict(max_norm=10))
lr_config = dict(
    _delete_=True, policy='CosineAnnealing', min_lr_ratio=0.01, warmup='linear', warmup_iters=200, warmup_ratio=0.01
)
checkpoint_config = dict(max_keep_ckpts=2)
runner = dict(max_epochs=30)
evaluation = dict(interval=10, save_best='mAP')
log_config = dict(interval=50)
custom_hooks = [dict(type='NumClassCheckHook'), dict(type='EMAHook', momentum=0.002)]
bf16 = True
channels_last = True
seed = 0
