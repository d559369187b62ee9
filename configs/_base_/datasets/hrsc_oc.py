# smaller images and flips in three directions; angle version oc (hrsc_le90, hrsc_le135: the others)
_base_ = './hrsc.py'

angle_version = 'oc'
changes = dict(
    RResize=dict(img_scale=(800, 512)),
    RRandomFlip=dict(
        flip_ratio=[0.25, 0.25, 0.25], direction=['horizontal', 'vertical', 'diagonal'], version=angle_version
    ),
)
train_pipeline = [dict(step, **changes.get(step.type, {})) for step in _base_.train_pipeline]
test_pipeline = [_base_.test_pipeline[0], dict(_base_.test_pipeline[1], img_scale=(800, 512))]
del changes
data = dict(
    train=dict(pipeline=train_pipeline, version=angle_version),
    val=dict(pipeline=test_pipeline, version=angle_version),
    test=dict(pipeline=test_pipeline, version=angle_version),
)
