# The fast one of the shipped models: RTMDet-R on a ResNet-18 of 24 in place of 64 channels, three levels, 2.3 million
# weights. Trained from scratch, first on mosaics, then on single images; images of rare classes are drawn more often.
_base_ = [
    '../_base_/models/rotated_rtmdet_l.py',
    '../_base_/datasets/hit_uav.py',
    '../_base_/schedules/schedule_3x_rtmdet.py',
    '../_base_/default_runtime.py',
]

norm_cfg = dict(type='BN')
model = dict(
    backbone=dict(
        _delete_=True,
        type='ResNet',
        depth=18,
        base_channels=24,
        out_indices=(1, 2, 3),
        style='pytorch',
        norm_cfg=dict(type='BN', requires_grad=True),
        norm_eval=False,
        frozen_stages=-1,
    ),
    neck=dict(in_channels=[48, 96, 192], out_channels=64, num_csp_blocks=1, norm_cfg=norm_cfg),
    bbox_head=dict(in_channels=64, feat_channels=64, exp_on_reg=False, num_classes=4, norm_cfg=norm_cfg),
    # bicycles and people stand side by side
    test_cfg=dict(max_per_img=300, nms=dict(iou_threshold=0.4)),
)

size = (640, 512)
angle_version = 'le90'
mosaic = [
    dict(type='CachedMosaic', img_scale=size[::-1], pad_val=126),
    dict(type='RResize', img_scale=(1280, 1024), ratio_range=(0.55, 1.4)),
]
changes = [
    dict(type='RandomRotate', prob=0.3, angle_range=30, version=angle_version),
    dict(type='RRandomCrop', crop_size=size[::-1], allow_negative_crop=True, iof_thr=0.5, version=angle_version),
    dict(
        type='RRandomFlip',
        flip_ratio=[0.25, 0.25, 0.25],
        direction=['horizontal', 'vertical', 'diagonal'],
        version=angle_version,
    ),
    dict(type='BrightnessTransform', level=3.5, prob=0.25),
    dict(type='BrightnessTransform', level=6.5, prob=0.25),
    dict(type='ContrastTransform', level=3.5, prob=0.25),
    dict(type='ContrastTransform', level=6.5, prob=0.25),
    dict(type='Normalize', mean=[125.65] * 3, std=[40.87] * 3, to_rgb=True),
    dict(type='Pad', size=size[::-1]),
    dict(type='DefaultFormatBundle'),
    dict(type='Collect', keys=['img', 'gt_bboxes', 'gt_labels']),
]
loading = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations', with_bbox=True)]
train_pipeline = [*loading, *mosaic, *changes]
single_pipeline = [*loading, dict(type='RResize', img_scale=size, ratio_range=(0.8, 1.6)), *changes]
data = dict(
    samples_per_gpu=16,
    train=dict(
        _delete_=True,
        type='ClassBalancedDataset',
        oversample_thr=0.5,
        dataset=dict(
            type='HITUAVDataset',
            ann_file='data/hit_uav/train/labelTxt/',
            img_prefix='data/hit_uav/train/images/',
            pipeline=train_pipeline,
            version=angle_version,
        ),
    ),
)
optimizer = dict(lr=0.003)
auto_scale_lr = dict(base_batch_size=16)
lr_config = dict(
    _delete_=True,
    policy='CosineAnnealing',
    by_epoch=False,
    min_lr_ratio=0.01,
    warmup='linear',
    warmup_iters=100,
    warmup_ratio=0.01,
)
optimizer_config = dict(_delete_=True, grad_clip=dict(max_norm=35))
runner = dict(max_epochs=29)
custom_hooks = [
    dict(type='NumClassCheckHook'),
    dict(type='EMAHook', momentum=0.002, update_buffers=True),
    dict(type='PipelineSwitchHook', switch_epoch=20, switch_pipeline=single_pipeline),
]
evaluation = dict(interval=5, save_best='mAP')
bf16 = True
channels_last = True
seed = 0
