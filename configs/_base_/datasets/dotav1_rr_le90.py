# DOTA 1.0, with random rotation; angle version le90
_base_ = ['./dotav1_le90.py', './rtmdet_steps.py']

train_pipeline = [*_base_.train_pipeline[:4], _base_.rotate, *_base_.train_pipeline[4:]]
data = dict(train=dict(pipeline=train_pipeline))
