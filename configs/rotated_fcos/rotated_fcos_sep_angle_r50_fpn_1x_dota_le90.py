_base_ = './rotated_fcos_r50_fpn_1x_dota_le90.py'

model = dict(
    bbox_head=dict(
        separate_angle=True,
        h_bbox_coder=dict(type='DistancePointBBoxCoder'),
        loss_bbox=dict(type='GIoULoss'),
        loss_angle=dict(type='L1Loss', loss_weight=0.2),
    )
)
