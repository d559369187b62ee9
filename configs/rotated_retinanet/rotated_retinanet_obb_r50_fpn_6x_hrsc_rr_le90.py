_base_ = [
    '../_base_/models/rotated_retinanet_r50_fpn.py',
    '../_base_/datasets/hrsc_rr_le90.py',
    '../_base_/schedules/schedule_6x.py',
    '../_base_/default_runtime.py',
]

model = dict(bbox_head=dict(num_classes=1, bbox_coder=dict(angle_range='le90', edge_swap=True, proj_xy=True)))
