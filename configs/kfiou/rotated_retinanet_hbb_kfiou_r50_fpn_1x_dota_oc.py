_base_ = '../rotated_retinanet/rotated_retinanet_obb_r50_fpn_1x_dota_oc.py'

model = dict(
    bbox_head=dict(type='KFIoURRetinaHead', assign_by_circumhbbox='oc', loss_bbox=dict(type='KFLoss', loss_weight=5.0))
)
