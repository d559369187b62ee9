# O2-RTDETR on ResNet-18-D
_base_ = './o2_rtdetr_r34vd.py'

model = dict(
    backbone=dict(depth=18, init_cfg=dict(checkpoint=_base_.weights + 'resnet18vd_pretrained_55f5a0d6.pth')),
    decoder=dict(num_layers=3),
)
