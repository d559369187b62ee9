_base_ = '../rotated_reppoints/rotated_reppoints_r50_fpn_1x_dota_oc.py'

model = dict(
    bbox_head=dict(type='SAMRepPointsHead', loss_bbox_init=dict(type='BCConvexGIoULoss')),
    train_cfg=dict(refine=dict(assigner=dict(_delete_=True, type='SASAssigner', topk=9))),
)
