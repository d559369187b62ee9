_base_ = [
    '../_base_/models/oriented_rcnn_lsk_s.py',
    '../_base_/datasets/dotav1_ms_rr_le90.py',
    '../_base_/schedules/schedule_1x_adamw_bodies.py',
    '../_base_/default_runtime.py',
]

auto_scale_lr = dict(base_batch_size=8)
