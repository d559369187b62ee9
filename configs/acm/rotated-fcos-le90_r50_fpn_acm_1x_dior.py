_base_ = [
    '../_base_/models/rotated_fcos_r50_fpn.py',
    '../_base_/datasets/dior.py',
    '../_base_/schedules/schedule_1x.py',
    '../_base_/default_runtime.py',
]

model = dict(
    bbox_head=dict(
        num_classes=20,
        angle_coder=dict(type='ACMCoder', angle_version='le90'),
        loss_angle=dict(type='L1Loss', loss_weight=0.2),
    ),
    test_cfg=dict(nms_pre_of_pairs=True),
)
evaluation = dict(interval=3)
lr_config = dict(warmup_iters=499)  # that of 1.x takes an iteration less
