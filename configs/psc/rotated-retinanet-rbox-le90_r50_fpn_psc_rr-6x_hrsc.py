_base_ = '../rotated_retinanet/rotated_retinanet_obb_r50_fpn_6x_hrsc_rr_le90.py'

model = dict(
    bbox_head=dict(
        type='AngleBranchRetinaHead',
        use_normalized_angle_feat=True,
        angle_coder=dict(type='PSCCoder', angle_version='le90', dual_freq=False, num_step=3, thr_mod=0.0),
        loss_bbox=dict(loss_weight=0.7),
        loss_angle=dict(type='L1Loss', loss_weight=0.6),
    )
)
lr_config = dict(warmup_iters=499)  # that of 1.x takes an iteration less
