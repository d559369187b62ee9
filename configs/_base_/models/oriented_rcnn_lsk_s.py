# Oriented R-CNN on LSKNet-S; angle version le90
_base_ = './oriented_rcnn_r50_fpn.py'

weights = 'https://download.openmmlab.com/mmrotate/v1.0/lsknet/backbones/lsk_'
model = dict(
    backbone=dict(
        _delete_=True,
        type='LSKNet',
        embed_dims=[64, 128, 320, 512],
        drop_rate=0.1,
        drop_path_rate=0.1,
        depths=[2, 2, 4, 2],
        init_cfg=dict(type='Pretrained', checkpoint=weights + 's_backbone-e9d2e551.pth'),
        norm_cfg=dict(type='SyncBN', requires_grad=True),
    ),
    neck=dict(in_channels=[64, 128, 320, 512]),
)
