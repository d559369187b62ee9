_base_ = [
    '../_base_/models/h2rbox_v2_r50_fpn.py',
    '../_base_/datasets/dotav1_ms_le90.py',
    '../_base_/schedules/schedule_1x_adamw_plain.py',
    '../_base_/default_runtime.py',
]

turn = dict(type='PolyRandomRotate', rotate_ratio=1, angles_range=180, auto_bound=False, version='le90')
train_pipeline = [*_base_.train_pipeline[:4], turn, *_base_.train_pipeline[4:]]
del turn
data = dict(train=dict(horizontal=True, pipeline=train_pipeline))
optimizer = dict(lr=0.00005)
