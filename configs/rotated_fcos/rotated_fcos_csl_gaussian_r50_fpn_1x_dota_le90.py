_base_ = './rotated_fcos_sep_angle_r50_fpn_1x_dota_le90.py'

model = dict(
    bbox_head=dict(
        type='CSLRFCOSHead',
        scale_angle=False,
        angle_coder=dict(type='CSLCoder', angle_version='le90', omega=1, window='gaussian', radius=1),
        loss_angle=dict(type='SmoothFocalLoss', gamma=2.0, alpha=0.25),
    )
)
