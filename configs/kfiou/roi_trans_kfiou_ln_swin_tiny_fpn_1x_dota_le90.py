_base_ = [
    '../_base_/models/roi_trans_kfiou_ln_r50_fpn.py',
    '../_base_/models/swin_tiny.py',
    '../_base_/datasets/dotav1_le90.py',
    '../_base_/schedules/schedule_1x_adamw.py',
    '../_base_/default_runtime.py',
]

model = dict(_base_.swin_tiny, neck=dict(_base_.swin_tiny.neck, add_extra_convs='on_input'))
find_unused_parameters = True
