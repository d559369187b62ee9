_base_ = './rotated_rtmdet_l-3x-dota.py'

model = dict(
    backbone=dict(
        deepen_factor=0.33, widen_factor=0.5, init_cfg=dict(checkpoint=_base_.cspnext + 's_imagenet_600e.pth')
    ),
    neck=dict(in_channels=[128, 256, 512], out_channels=128, num_csp_blocks=1),
    bbox_head=dict(in_channels=128, feat_channels=128, exp_on_reg=False),
)
data = dict(samples_per_gpu=8, workers_per_gpu=8)
