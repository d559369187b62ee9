_base_ = './rotated_rtmdet_l-300e-aug-hrsc.py'

model = dict(
    backbone=dict(
        deepen_factor=0.167, widen_factor=0.375, init_cfg=dict(checkpoint=_base_.cspnext + 'tiny_imagenet_600e.pth')
    ),
    neck=dict(in_channels=[96, 192, 384], out_channels=96, num_csp_blocks=1),
    bbox_head=dict(in_channels=96, feat_channels=96, exp_on_reg=False),
)
milder = {
    'CachedMosaic': dict(max_cached_images=20, random_pop=False),
    'RResize': dict(ratio_range=(0.5, 2.0)),
    'CachedMixUp': dict(max_cached_images=10, random_pop=False, prob=0.5),
}
train_pipeline = [dict(step, **milder.get(step['type'], {})) for step in _base_.train_pipeline]
train_pipeline_stage2 = [dict(step, **milder.get(step['type'], {})) for step in _base_.train_pipeline_stage2]
data = dict(train=dict(dataset=dict(pipeline=train_pipeline)))
custom_hooks = [*_base_.custom_hooks[:2], dict(_base_.custom_hooks[2], switch_pipeline=train_pipeline_stage2)]
