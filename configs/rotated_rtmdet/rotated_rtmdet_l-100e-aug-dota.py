_base_ = [
    '../_base_/models/rotated_rtmdet_l.py',
    '../_base_/datasets/dotav1_rtmdet_mix.py',
    '../_base_/schedules/schedule_100e_rtmdet.py',
    '../_base_/default_runtime.py',
]

data = dict(samples_per_gpu=4, workers_per_gpu=4)
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='PipelineSwitchHook', switch_epoch=90, switch_pipeline=_base_.train_pipeline_stage2),
]
