_base_ = [
    '../_base_/models/h2rbox_r50_fpn.py',
    '../_base_/datasets/dotav2.py',
    '../_base_/schedules/schedule_1x_adamw_plain.py',
    '../_base_/default_runtime.py',
]

# helipads, too, have no direction
round_classes = [9, 11, 16]
model = dict(bbox_head=dict(num_classes=18, rotation_agnostic_classes=round_classes, square_classes=round_classes))
data = dict(train=dict(horizontal=True))
evaluation = dict(interval=1)
