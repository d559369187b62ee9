# RTMDet on EfficientNet-Lite0, for small devices. docs/tools.md says how its ImageNet weights are made; to start
# from them give --cfg-options model.backbone.pretrained=lite0.pth
_base_ = [
    '../_base_/models/rotated_rtmdet_l.py',
    '../_base_/datasets/hit_uav.py',
    '../_base_/schedules/schedule_3x_rtmdet.py',
    '../_base_/default_runtime.py',
]

norm_cfg = dict(type='BN')
model = dict(
    backbone=dict(_delete_=True, type='EfficientNetLite', pretrained=None),
    neck=dict(in_channels=[40, 112, 320], out_channels=96, num_csp_blocks=1, norm_cfg=norm_cfg),
    bbox_head=dict(in_channels=96, feat_channels=96, exp_on_reg=False, num_classes=4, norm_cfg=norm_cfg),
    test_cfg=dict(max_per_img=300),
)
data = dict(samples_per_gpu=8)
optimizer = dict(lr=0.001)
lr_config = dict(warmup_iters=300)
optimizer_config = dict(_delete_=True, grad_clip=dict(max_norm=35))
evaluation = dict(interval=6, save_best='mAP')
# convolutions of each channel by itself take a sixth of the time on a CPU
channels_last = True
