_base_ = './lsk_s_fpn_1x_dota_le90.py'

model = dict(
    backbone=dict(
        embed_dims=[32, 64, 160, 256],
        depths=[3, 3, 5, 2],
        init_cfg=dict(checkpoint=_base_.weights + 't_backbone-2ef8a593.pth'),
    ),
    neck=dict(in_channels=[32, 64, 160, 256]),
)
auto_scale_lr = dict(base_batch_size=16)
