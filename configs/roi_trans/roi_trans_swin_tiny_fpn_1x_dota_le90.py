_base_ = [
    '../_base_/models/roi_trans_r50_fpn.py',
    '../_base_/models/swin_tiny.py',
    '../_base_/datasets/dotav1_le90.py',
    '../_base_/schedules/schedule_1x_adamw.py',
    '../_base_/default_runtime.py',
]

model = _base_.swin_tiny
data = dict(samples_per_gpu=1, workers_per_gpu=1)
auto_scale_lr = dict(base_batch_size=1)
