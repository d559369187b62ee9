# DIOR-R for RT-DETR: as for DETR, but colours as they are read; angle version le90
_base_ = './dior_detr.py'

img_norm_cfg = dict(mean=[103.53, 116.28, 123.675], std=[57.375, 57.12, 58.395], to_rgb=False)
train_pipeline = [dict(s, **img_norm_cfg) if s['type'] == 'Normalize' else s for s in _base_.train_pipeline]
view = _base_.test_pipeline[1]
transforms = [dict(s, **img_norm_cfg) if s['type'] == 'Normalize' else s for s in view['transforms']]
test_pipeline = [_base_.test_pipeline[0], dict(view, transforms=transforms)]
data = dict(train=dict(pipeline=train_pipeline), val=dict(pipeline=test_pipeline), test=dict(pipeline=test_pipeline))
del view, transforms
