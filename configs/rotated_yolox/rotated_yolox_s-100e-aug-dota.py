# from scratch, by the data and the schedule of RTMDet-R
_base_ = [
    '../_base_/models/rotated_yolox_s.py',
    '../_base_/datasets/dotav1_rtmdet_mix.py',
    '../_base_/schedules/schedule_100e_rtmdet.py',
    '../_base_/default_runtime.py',
]

custom_hooks = [
    *_base_.custom_hooks,
    dict(type='PipelineSwitchHook', switch_epoch=90, switch_pipeline=_base_.train_pipeline_stage2),
]
