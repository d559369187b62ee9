_base_ = [
    '../_base_/models/rotated_fcos_r50_fpn.py',
    '../_base_/datasets/hrsc_rr_le90.py',
    '../_base_/schedules/schedule_6x.py',
    '../_base_/default_runtime.py',
]

model = dict(
    bbox_head=dict(
        num_classes=1,
        separate_angle=True,
        scale_angle=False,
        angle_coder=dict(type='PSCCoder', angle_version='le90', dual_freq=False, num_step=3),
        loss_bbox=dict(_delete_=True, type='IoULoss', loss_weight=1.0),
        loss_angle=dict(type='L1Loss', loss_weight=0.2),
    ),
    test_cfg=dict(nms_pre_of_pairs=True),
)
lr_config = dict(warmup_iters=499)  # that of 1.x takes an iteration less
