_base_ = '../rotated_fcos/rotated_fcos_r50_fpn_1x_dota_le90.py'

model = dict(
    bbox_head=dict(
        angle_coder=dict(type='ACMCoder', angle_version='le90'), loss_angle=dict(type='L1Loss', loss_weight=0.2)
    ),
    test_cfg=dict(nms_pre_of_pairs=True),
)
evaluation = dict(interval=12)
lr_config = dict(warmup_iters=499)  # that of 1.x takes an iteration less
