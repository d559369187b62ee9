_base_ = '../rotated_reppoints/rotated_reppoints_r50_fpn_1x_dota_le135.py'

model = dict(
    bbox_head=dict(
        type='KLDRepPointsHead',
        version='le135',
        loss_bbox_init=dict(type='KLDRepPointsLoss'),
        loss_bbox_refine=dict(type='KLDRepPointsLoss'),
    ),
    train_cfg=dict(refine=dict(assigner=dict(_delete_=True, type='ATSSKldAssigner', topk=9))),
)
