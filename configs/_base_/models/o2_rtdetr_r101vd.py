# O2-RTDETR on ResNet-101-D
_base_ = './o2_rtdetr_r50vd.py'

wide = dict(embed_dims=384)
model = dict(
    backbone=dict(depth=101, init_cfg=dict(checkpoint=_base_.weights + 'resnet101vd_ssld_pretrained_64ed664a.pth')),
    neck=dict(out_channels=384),
    encoder=dict(
        in_channels=[384, 384, 384],
        layer_cfg=dict(self_attn_cfg=wide, ffn_cfg=dict(feedforward_channels=2048, **wide)),
        fpn_cfg=dict(in_channels=[384, 384, 384]),
    ),
)
