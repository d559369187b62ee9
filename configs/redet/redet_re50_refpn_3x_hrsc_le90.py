_base_ = [
    '../_base_/models/redet_re50_refpn.py',
    '../_base_/datasets/hrsc_le90.py',
    '../_base_/schedules/schedule_3x.py',
    '../_base_/default_runtime.py',
]

first, second = _base_.model.roi_head.bbox_head
first.bbox_coder.target_stds[4], second.bbox_coder.target_stds[4] = 0.1, 0.05
model = dict(roi_head=dict(bbox_head=[dict(first, num_classes=1), dict(second, num_classes=1)]))
del first, second
train_pipeline = [
    *_base_.train_pipeline[:3],
    dict(type='RRandomFlip', flip_ratio=0.5, version=_base_.angle_version),
    *_base_.train_pipeline[4:],
]
data = dict(train=dict(pipeline=train_pipeline))
evaluation = dict(interval=12)
optimizer = dict(lr=0.01)
