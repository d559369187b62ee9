_base_ = '../rotated_fcos/rotated_fcos_r50_fpn_1x_dota_le90.py'

model = dict(
    bbox_head=dict(
        separate_angle=True,
        scale_angle=False,
        angle_coder=dict(type='PSCCoder', angle_version='le90', dual_freq=True, num_step=3),
        loss_bbox=dict(_delete_=True, type='IoULoss', loss_weight=1.0),
        loss_angle=dict(type='L1Loss', loss_weight=0.1),
    ),
    test_cfg=dict(nms_pre_of_pairs=True),
)
lr_config = dict(warmup_iters=499)  # that of 1.x takes an iteration less
