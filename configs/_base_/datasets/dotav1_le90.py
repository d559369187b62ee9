_base_ = './dotav1_oc.py'

angle_version = 'le90'
train_pipeline = [dict(step, version=angle_version) if 'version' in step else step for step in _base_.train_pipeline]
data = dict(
    train=dict(pipeline=train_pipeline, version=angle_version),
    val=dict(version=angle_version),
    test=dict(version=angle_version),
)
