_base_ = [
    '../_base_/models/oriented_rcnn_r50_fpn.py',
    '../_base_/models/swin_tiny.py',
    '../_base_/datasets/dotav1_le90.py',
    '../_base_/schedules/schedule_1x_adamw.py',
    '../_base_/default_runtime.py',
]

model = _base_.swin_tiny
