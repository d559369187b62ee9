_base_ = [
    '../_base_/models/rotated_retinanet_r50_fpn.py',
    '../_base_/datasets/dotav1_le90.py',
    '../_base_/schedules/schedule_1x_adamw.py',
    '../_base_/default_runtime.py',
]

model = dict(
    bbox_head=dict(
        reg_decoded_bbox=True,
        bbox_coder=dict(angle_range='le90', edge_swap=True, proj_xy=True),
        loss_bbox=dict(type='GDLoss', loss_type='kld', fun='log1p', tau=1, sqrt=False, loss_weight=5.5),
    )
)
