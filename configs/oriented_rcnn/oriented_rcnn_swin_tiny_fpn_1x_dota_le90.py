_base_ = [
    '../_base_/models/oriented_rcnn_swin_tiny_fpn.py',
    '../_base_/datasets/dotav1_le90.py',
    '../_base_/schedules/schedule_1x_adamw.py',
    '../_base_/default_runtime.py',
]
