_base_ = [
    '../_base_/models/rotated_dino_r50.py',
    '../_base_/datasets/dotav1_detr.py',
    '../_base_/schedules/schedule_detr.py',
    '../_base_/default_runtime.py',
]
