# O2-RTDETR on ResNet-34-D
_base_ = './o2_rtdetr_r50vd.py'

model = dict(
    backbone=dict(
        depth=34,
        frozen_stages=-1,
        norm_cfg=dict(requires_grad=True),
        norm_eval=False,
        init_cfg=dict(checkpoint=_base_.weights + 'resnet34vd_pretrained_f6a72dc5.pth'),
    ),
    neck=dict(in_channels=[128, 256, 512]),
    encoder=dict(fpn_cfg=dict(expansion=0.5)),
    decoder=dict(num_layers=4),
)
