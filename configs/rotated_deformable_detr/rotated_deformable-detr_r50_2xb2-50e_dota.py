_base_ = [
    '../_base_/models/rotated_deformable_detr_r50.py',
    '../_base_/datasets/dotav1_detr.py',
    '../_base_/schedules/schedule_50e_detr.py',
    '../_base_/default_runtime.py',
]

data = dict(samples_per_gpu=2, workers_per_gpu=2)
