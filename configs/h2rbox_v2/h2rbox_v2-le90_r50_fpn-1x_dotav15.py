_base_ = [
    '../_base_/models/h2rbox_v2_r50_fpn.py',
    '../_base_/datasets/dotav15.py',
    '../_base_/schedules/schedule_1x_adamw_plain.py',
    '../_base_/default_runtime.py',
]

model = dict(bbox_head=dict(num_classes=16))
data = dict(train=dict(horizontal=True))
optimizer = dict(lr=0.00005)
