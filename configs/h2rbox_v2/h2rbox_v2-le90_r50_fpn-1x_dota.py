_base_ = [
    '../_base_/models/h2rbox_v2_r50_fpn.py',
    '../_base_/datasets/dotav1_le90.py',
    '../_base_/schedules/schedule_1x_adamw_plain.py',
    '../_base_/default_runtime.py',
]

data = dict(train=dict(horizontal=True))
optimizer = dict(lr=0.00005)
