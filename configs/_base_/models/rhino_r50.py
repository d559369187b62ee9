# RHINO: DINO whose objects are matched by the Hausdorff distance of their corners
_base_ = './rotated_dino_r50.py'

costs = [
    dict(type='FocalLossCost', weight=2.0),
    dict(type='HausdorffCost', weight=5.0, box_format='xywha'),
    dict(type='GDCost', weight=5.0, **_base_.kld),
]
model = dict(
    bbox_head=dict(type='RHINOPositiveHungarianClassificationHead', loss_iou=dict(loss_weight=5.0)),
    dn_cfg=dict(noise_mode='only_xywh', group_cfg=dict(max_num_groups=30)),
    train_cfg=dict(
        assigner=dict(match_costs=costs), dn_assigner=dict(type='DNGroupHungarianAssigner', match_costs=costs)
    ),
)
