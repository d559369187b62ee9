# flips in three directions; angle version oc (dotav1_le90, dotav1_le135: the others)
_base_ = './dotav1.py'

angle_version = 'oc'
flip = dict(flip_ratio=[0.25, 0.25, 0.25], direction=['horizontal', 'vertical', 'diagonal'], version=angle_version)
train_pipeline = [dict(step, **flip) if step.type == 'RRandomFlip' else step for step in _base_.train_pipeline]
del flip
data = dict(
    train=dict(pipeline=train_pipeline, version=angle_version),
    val=dict(version=angle_version),
    test=dict(version=angle_version),
)
