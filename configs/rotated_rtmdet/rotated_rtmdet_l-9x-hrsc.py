_base_ = [
    '../_base_/models/rotated_rtmdet_l.py',
    '../_base_/datasets/hrsc_rtmdet.py',
    '../_base_/schedules/schedule_3x_rtmdet.py',
    '../_base_/default_runtime.py',
]

model = dict(bbox_head=dict(num_classes=1))
optimizer = dict(lr=0.002)
