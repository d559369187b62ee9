# anchors are assigned by their IoU with the upright box around the object (HBB)
_base_ = './rotated_retinanet_obb_r50_fpn_1x_dota_le135.py'

model = dict(bbox_head=dict(assign_by_circumhbbox=_base_.angle_version))
train_pipeline = [
    *_base_.train_pipeline[:3],
    dict(type='RRandomFlip', flip_ratio=0.5, version=_base_.angle_version),
    *_base_.train_pipeline[4:],
]
data = dict(train=dict(pipeline=train_pipeline))
