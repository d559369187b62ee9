# DOTA 1.0 for RTMDet: flips and rotations in one pipeline, padded by grey to one size; angle version le90
_base_ = './dotav1_le90.py'

size = (1024, 1024)
img_norm_cfg = dict(mean=[103.53, 116.28, 123.675], std=[57.375, 57.12, 58.395], to_rgb=False)
finish = [
    dict(type='Pad', size=size, pad_val=dict(img=(114, 114, 114))),
    dict(type='Normalize', **img_norm_cfg),
    dict(type='DefaultFormatBundle'),
]
rotate = dict(
    type='PolyRandomRotate',
    rotate_ratio=0.5,
    angles_range=180,
    auto_bound=False,
    allow_negative=True,
    rect_classes=[9, 11],
    version=_base_.angle_version,
)
flip = dict(
    type='RRandomFlip',
    flip_ratio=[0.25, 0.25, 0.25],
    direction=['horizontal', 'vertical', 'diagonal'],
    version=_base_.angle_version,
)
collect = dict(type='Collect', keys=['img', 'gt_bboxes', 'gt_labels'])
train_pipeline = [*_base_.train_pipeline[:3], flip, rotate, *finish, collect]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='MultiScaleFlipAug',
        img_scale=size,
        flip=False,
        transforms=[dict(type='RResize'), *finish, dict(type='Collect', keys=['img'])],
    ),
]
data = dict(
    samples_per_gpu=8,
    workers_per_gpu=8,
    train=dict(pipeline=train_pipeline),
    val=dict(pipeline=test_pipeline),
    test=dict(pipeline=test_pipeline),
)
