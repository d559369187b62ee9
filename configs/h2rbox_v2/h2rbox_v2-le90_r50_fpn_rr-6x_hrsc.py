_base_ = './h2rbox_v2-le90_r50_fpn-6x_hrsc.py'

turn = dict(type='PolyRandomRotate', rotate_ratio=1, angles_range=180, auto_bound=False, version='le90')
train_pipeline = [*_base_.train_pipeline[:4], turn, *_base_.train_pipeline[4:]]
del turn
data = dict(train=dict(pipeline=train_pipeline))
