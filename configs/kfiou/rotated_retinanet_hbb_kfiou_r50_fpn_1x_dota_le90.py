_base_ = './rotated_retinanet_obb_kfiou_r50_fpn_1x_dota_le90.py'

model = dict(bbox_head=dict(assign_by_circumhbbox='le90'))
