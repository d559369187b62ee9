_base_ = [
    '../_base_/models/r3det_kfiou_ln_r50_fpn.py',
    '../_base_/models/swin_tiny.py',
    '../_base_/datasets/dotav1_ms_rr.py',
    '../_base_/schedules/schedule_1x_adamw.py',
    '../_base_/default_runtime.py',
]

model = _base_.swin_tiny
find_unused_parameters = True
