_base_ = [
    '../_base_/models/rotated_rtmdet_l.py',
    '../_base_/datasets/hrsc_rtmdet_mix.py',
    '../_base_/schedules/schedule_100e_rtmdet.py',
    '../_base_/default_runtime.py',
]

model = dict(bbox_head=dict(num_classes=1))
lr_config = dict(min_lr_ratio=0.4)
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='PipelineSwitchHook', switch_epoch=90, switch_pipeline=_base_.train_pipeline_stage2),
]
