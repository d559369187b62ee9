_base_ = './rotated_retinanet_obb_kld_r50_fpn_1x_dota_le90.py'

model = dict(bbox_head=dict(loss_bbox=dict(type='GDLoss', sqrt=False, loss_weight=5.5)))
