_base_ = './rotated_rtmdet_l-3x-dota.py'

model = dict(
    backbone=dict(
        deepen_factor=0.167, widen_factor=0.375, init_cfg=dict(checkpoint=_base_.cspnext + 'tiny_imagenet_600e.pth')
    ),
    neck=dict(in_channels=[96, 192, 384], out_channels=96, num_csp_blocks=1),
    bbox_head=dict(in_channels=96, feat_channels=96, exp_on_reg=False),
)
data = dict(samples_per_gpu=8, workers_per_gpu=8)
