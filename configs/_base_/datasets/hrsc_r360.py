# boxes with a front: the bows of ships; angle version r360
_base_ = './hrsc_le90.py'

angle_version = 'r360'
train_pipeline = [dict(step, version=angle_version) if 'version' in step else step for step in _base_.train_pipeline]
data = dict(
    train=dict(pipeline=train_pipeline, version=angle_version),
    val=dict(version=angle_version),
    test=dict(version=angle_version),
)
