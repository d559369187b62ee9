_base_ = './rotated_rtmdet_l-3x-dota_ms.py'

coco = dict(
    type='Pretrained',
    checkpoint='https://download.openmmlab.com/mmdetection/v3.0/rtmdet/rtmdet_l_8xb32-300e_coco/rtmdet_l_8xb32-300e_coco_20220719_112030-5a0be7c4.pth',
)
model = dict(
    backbone=dict(init_cfg=coco),
    neck=dict(init_cfg=dict(prefix='neck.', **coco)),
    bbox_head=dict(init_cfg=dict(prefix='bbox_head.', **coco)),
)
