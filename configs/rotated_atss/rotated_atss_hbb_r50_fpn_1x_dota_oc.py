_base_ = [
    '../_base_/models/rotated_atss_r50_fpn.py',
    '../_base_/datasets/dotav1_oc.py',
    '../_base_/schedules/schedule_1x.py',
    '../_base_/default_runtime.py',
]

model = dict(bbox_head=dict(assign_by_circumhbbox='oc'))
train_pipeline = [
    *_base_.train_pipeline[:3],
    dict(type='RRandomFlip', flip_ratio=0.5, version='oc'),
    *_base_.train_pipeline[4:],
]
data = dict(train=dict(pipeline=train_pipeline))
