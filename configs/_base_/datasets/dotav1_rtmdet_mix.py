# DOTA 1.0 for RTMDet with mosaics and mixtures of images, and in the last epochs (train_pipeline_stage2) without
_base_ = './dotav1_rtmdet.py'

size = _base_.size
change = [
    _base_.rotate,
    dict(type='RRandomCrop', crop_size=size),
    dict(type='YOLOXHSVRandomAug'),
    _base_.flip,
    _base_.pad,
]
load, last = _base_.train_pipeline[:2], [*_base_.finish, _base_.collect]
train_pipeline = [
    *load,
    dict(type='CachedMosaic', img_scale=size, pad_val=114.0),
    dict(type='RResize', img_scale=(2048, 2048), ratio_range=(0.1, 2.0)),
    *change,
    dict(type='CachedMixUp', img_scale=size, ratio_range=(1.0, 1.0), pad_val=(114, 114, 114), max_cached_images=20),
    *last,
]
train_pipeline_stage2 = [*load, dict(type='RResize', img_scale=size, ratio_range=(0.1, 2.0)), *change, *last]
data = dict(train=dict(pipeline=train_pipeline))
