# The second part of the training of the fast model: on from the weights of the first one, by a cosine of its own.
_base_ = ['./rotated_rtmdet_nano_hit_uav_le90.py']

load_from = 'work_dirs/rotated_rtmdet_nano_hit_uav_le90/latest.pth'
turn = dict(_base_.turn, angle_range=20)
train_pipeline = [*_base_.loading, *_base_.mosaic, turn, *_base_.changes]
single_pipeline = [*_base_.loading, *_base_.single, turn, *_base_.changes]
data = dict(samples_per_gpu=8, train=dict(dataset=dict(pipeline=train_pipeline)))
optimizer = dict(lr=0.0012)
auto_scale_lr = dict(base_batch_size=8)
runner = dict(max_epochs=24)
custom_hooks = [
    dict(type='NumClassCheckHook'),
    dict(type='EMAHook', momentum=0.002, update_buffers=True),
    dict(type='PipelineSwitchHook', switch_epoch=12, switch_pipeline=single_pipeline),
]
