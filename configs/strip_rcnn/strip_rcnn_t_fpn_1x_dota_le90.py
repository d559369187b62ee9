_base_ = './strip_rcnn_s_fpn_1x_dota_le90.py'

model = dict(
    backbone=dict(
        embed_dims=[32, 64, 160, 256],
        depths=[3, 3, 5, 2],
        drop_path_rate=0.15,
        init_cfg=dict(checkpoint=_base_.weights + 't.pth'),
    ),
    neck=dict(in_channels=[32, 64, 160, 256]),
)
