_base_ = [
    '../_base_/models/rhino_r50.py',
    '../_base_/datasets/dotav15_detr.py',
    '../_base_/schedules/schedule_36e_detr.py',
    '../_base_/default_runtime.py',
]

model = dict(bbox_head=dict(num_classes=16))
