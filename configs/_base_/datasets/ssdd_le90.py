# statistics of radar images and flips in three directions; angle version le90
_base_ = './ssdd.py'

angle_version = 'le90'
img_norm_cfg = dict(mean=[21.55, 21.55, 21.55], std=[24.42, 24.42, 24.42], to_rgb=True)
changes = dict(
    Normalize=img_norm_cfg,
    RRandomFlip=dict(
        flip_ratio=[0.25, 0.25, 0.25], direction=['horizontal', 'vertical', 'diagonal'], version=angle_version
    ),
)
train_pipeline = [dict(step, **changes.get(step.type, {})) for step in _base_.train_pipeline]
tested = _base_.test_pipeline[1]
transforms = [dict(step, **changes.get(step.type, {})) for step in tested.transforms]
test_pipeline = [_base_.test_pipeline[0], dict(tested, transforms=transforms)]
del changes, tested, transforms
data = dict(
    train=dict(pipeline=train_pipeline, version=angle_version),
    val=dict(pipeline=test_pipeline, version=angle_version),
    test=dict(pipeline=test_pipeline, version=angle_version),
)
