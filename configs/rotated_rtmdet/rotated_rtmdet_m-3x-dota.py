_base_ = './rotated_rtmdet_l-3x-dota.py'

model = dict(
    backbone=dict(
        deepen_factor=0.67,
        widen_factor=0.75,
        init_cfg=dict(checkpoint=_base_.cspnext + 'm_8xb256-rsb-a1-600e_in1k-ecb3bbd9.pth'),
    ),
    neck=dict(in_channels=[192, 384, 768], out_channels=192, num_csp_blocks=2),
    bbox_head=dict(in_channels=192, feat_channels=192, exp_on_reg=True),
)
data = dict(samples_per_gpu=8, workers_per_gpu=8)
