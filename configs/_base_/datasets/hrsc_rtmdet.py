# HRSC2016 for RTMDet: flips and rotations in one pipeline, padded by grey to one size; angle version le90
_base_ = ['./hrsc_le90.py', './rtmdet_steps.py']

size = (800, 800)
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
    # thrice the images in an epoch: 36 epochs are 108 passes
    train=dict(_delete_=True, type='RepeatDataset', times=3, dataset=dict(_base_.data.train, pipeline=train_pipeline)),
    val=dict(pipeline=test_pipeline),
    test=dict(pipeline=test_pipeline),
)
