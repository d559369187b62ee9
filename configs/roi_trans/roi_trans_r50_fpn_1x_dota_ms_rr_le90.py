_base_ = [
    '../_base_/models/roi_trans_r50_fpn.py',
    '../_base_/datasets/dotav1_ms_rr_le90.py',
    '../_base_/schedules/schedule_1x.py',
    '../_base_/default_runtime.py',
]

model = dict(train_cfg=dict(rpn=dict(assigner=dict(gpu_assign_thr=200))))
optimizer = dict(lr=0.005)
