_base_ = './pkinet_s_fpn_o-rcnn_dota1.0_ss_le90.py'

model = dict(
    backbone=dict(arch='T', init_cfg=dict(checkpoint=_base_.weights + 't_pretrain.pth')),
    neck=dict(in_channels=[32, 64, 128, 256]),
)
auto_scale_lr = dict(base_batch_size=16)
