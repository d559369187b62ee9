_base_ = [
    '../_base_/models/rotated_dino_r50.py',
    '../_base_/datasets/dotav2_detr.py',
    '../_base_/schedules/schedule_detr.py',
    '../_base_/default_runtime.py',
]

model = dict(bbox_head=dict(num_classes=18))
