_base_ = [
    '../_base_/models/oriented_rcnn_pkinet_s.py',
    '../_base_/datasets/dotav1_le90.py',
    '../_base_/schedules/schedule_30e_adamw.py',
    '../_base_/default_runtime.py',
]

auto_scale_lr = dict(base_batch_size=8)
