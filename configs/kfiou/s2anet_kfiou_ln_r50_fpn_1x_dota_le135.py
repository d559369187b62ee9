_base_ = '../s2anet/s2anet_r50_fpn_1x_dota_le135.py'

model = dict(
    fam_head=dict(type='KFIoURRetinaHead', loss_bbox=dict(type='KFLoss', fun='ln')),
    odm_head=dict(type='KFIoUODMRefineHead', loss_bbox=dict(type='KFLoss', fun='ln')),
)
