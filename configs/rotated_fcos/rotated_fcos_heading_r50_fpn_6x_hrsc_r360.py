# boxes with a front: their angle is a cosine and a sine, learned by themselves too, for overlaps do not tell the front
_base_ = [
    '../_base_/models/rotated_fcos_r50_fpn.py',
    '../_base_/datasets/hrsc_r360.py',
    '../_base_/schedules/schedule_6x.py',
    '../_base_/default_runtime.py',
]

model = dict(
    bbox_head=dict(
        num_classes=1,
        scale_angle=False,
        angle_coder=dict(type='ACMCoder', angle_version='r360', base_omega=1, dual_freq=False),
        bbox_coder=dict(type='DistanceAnglePointCoder', angle_version='r360'),
        loss_angle=dict(type='SmoothL1Loss', beta=0.1, loss_weight=0.2),
    )
)
evaluation = dict(heading=True)
