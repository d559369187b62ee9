_base_ = '../rotated_retinanet/rotated_retinanet_obb_r50_fpn_fp16_1x_dota_le90.py'

model = dict(
    bbox_head=dict(
        type='CSLRRetinaHead',
        angle_coder=dict(type='CSLCoder', angle_version='le90', omega=4, window='gaussian', radius=3),
        loss_angle=dict(type='SmoothFocalLoss', gamma=2.0, alpha=0.25, loss_weight=0.8),
    )
)
