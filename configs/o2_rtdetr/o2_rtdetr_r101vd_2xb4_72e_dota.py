_base_ = [
    '../_base_/models/o2_rtdetr_r101vd.py',
    '../_base_/datasets/dotav1_rtdetr.py',
    '../_base_/schedules/schedule_72e_rtdetr.py',
    '../_base_/default_runtime.py',
]

optimizer = dict(paramwise_cfg=dict(norm_decay_mult=1, custom_keys=dict(backbone=dict(lr_mult=0.01))))
