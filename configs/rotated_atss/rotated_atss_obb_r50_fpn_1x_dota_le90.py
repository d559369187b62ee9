_base_ = [
    '../_base_/models/rotated_atss_r50_fpn.py',
    '../_base_/datasets/dotav1_le90.py',
    '../_base_/schedules/schedule_1x.py',
    '../_base_/default_runtime.py',
]

model = dict(
    bbox_head=dict(bbox_coder=dict(angle_range='le90', edge_swap=True, proj_xy=True)),
    train_cfg=dict(assigner=dict(angle_version='le90')),
)
