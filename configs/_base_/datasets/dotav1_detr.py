# DOTA 1.0 for DETR: flips three ways, images padded only to those beside them; angle version le90
_base_ = ['./dotav1_le90.py', './rtmdet_steps.py']

train_pipeline = [*_base_.train_pipeline[:3], _base_.flip, _base_.train_pipeline[4], *_base_.train_pipeline[6:]]
view = _base_.test_pipeline[1]
transforms = [step for step in view['transforms'] if step['type'] != 'Pad']
test_pipeline = [_base_.test_pipeline[0], dict(view, transforms=transforms)]
data = dict(
    samples_per_gpu=4,
    workers_per_gpu=4,
    train=dict(pipeline=train_pipeline),
    val=dict(pipeline=test_pipeline),
    test=dict(pipeline=test_pipeline),
)
del view, transforms
