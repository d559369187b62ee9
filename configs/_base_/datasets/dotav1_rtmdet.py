# DOTA 1.0 for RTMDet: flips and rotations in one pipeline, padded by grey to one size; angle version le90
_base_ = ['./dotav1_le90.py', './rtmdet_steps.py']

size = (1024, 1024)
pad = dict(type='Pad', size=size, pad_val=dict(img=(114, 114, 114)))
finish = _base_.finish
train_pipeline = [*_base_.train_pipeline[:3], _base_.flip, _base_.rotate, pad, *finish, _base_.collect]
transforms = [dict(type='RResize'), pad, *finish, dict(type='Collect', keys=['img'])]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='MultiScaleFlipAug', img_scale=size, flip=False, transforms=transforms),
]
data = dict(
    samples_per_gpu=8,
    workers_per_gpu=8,
    train=dict(pipeline=train_pipeline),
    val=dict(pipeline=test_pipeline),
    test=dict(pipeline=test_pipeline),
)
