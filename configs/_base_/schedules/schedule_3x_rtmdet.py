# 36 epochs of AdamW, whose learning rate falls along a cosine from the middle on, and an average of the weights; the
# learning rate is that for 8 images a step
evaluation = dict(interval=12, metric='mAP')
optimizer = dict(
    type='AdamW',
    lr=0.00025,
    weight_decay=0.05,
    paramwise_cfg=dict(norm_decay_mult=0, bias_decay_mult=0, bypass_duplicate=True),
)
auto_scale_lr = dict(enable=False, base_batch_size=8)
optimizer_config = dict(grad_clip=None)
lr_config = dict(
    policy='FlatCosineAnnealing',
    by_epoch=False,
    start_percent=0.5,
    min_lr_ratio=0.05,
    warmup='linear',
    warmup_iters=999,
    warmup_ratio=1e-5,
)
runner = dict(type='EpochBasedRunner', max_epochs=36)
checkpoint_config = dict(interval=12, max_keep_ckpts=3)
custom_hooks = [
    dict(type='NumClassCheckHook'),
    dict(type='EMAHook', ema_type='ExpMomentumEMA', momentum=0.0002, update_buffers=True, priority=49),
]
