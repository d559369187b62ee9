# angle version le90; learns from upright labels
_base_ = './rotated_fcos_r50_fpn.py'

model = dict(
    type='H2RBoxV2Detector',
    crop_size=(1024, 1024),
    view_range=(0.25, 0.75),
    bbox_head=dict(
        type='H2RBoxV2Head',
        angle_version='le90',
        scale_angle=False,
        angle_coder=dict(type='PSCCoder', angle_version='le90', dual_freq=False, num_step=3, thr_mod=0),
        # baseball diamonds, storage tanks and roundabouts have no direction
        rotation_agnostic_classes=[1, 9, 11],
        agnostic_resize_classes=[1],
        use_circumiou_loss=True,
        use_standalone_angle=True,
        use_reweighted_loss_bbox=False,
        loss_bbox=dict(type='IoULoss', loss_weight=1.0),
        loss_symmetry_ss=dict(
            type='H2RBoxV2ConsistencyLoss',
            use_snap_loss=True,
            loss_rot=dict(type='SmoothL1Loss', loss_weight=1.0, beta=0.1),
            loss_flp=dict(type='SmoothL1Loss', loss_weight=0.05, beta=0.1),
        ),
    ),
)
