_base_ = [
    '../_base_/models/rotated_rtmdet_l.py',
    '../_base_/datasets/dotav1_rtmdet.py',
    '../_base_/schedules/schedule_3x_rtmdet.py',
    '../_base_/default_runtime.py',
]

data = dict(samples_per_gpu=4, workers_per_gpu=4)
