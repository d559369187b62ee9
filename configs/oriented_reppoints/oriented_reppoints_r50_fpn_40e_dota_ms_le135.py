_base_ = './oriented_reppoints_r50_fpn_1x_dota_le135.py'

scales = dict(img_scale=[(1333, 768), (1333, 1280)], multiscale_mode='range')
train_pipeline = [dict(step, **scales) if step.type == 'RResize' else step for step in _base_.train_pipeline]
del scales
data = dict(train=dict(pipeline=train_pipeline))
lr_config = dict(step=[24, 32, 38])
runner = dict(max_epochs=40)
evaluation = dict(interval=40)
checkpoint_config = dict(interval=2)
