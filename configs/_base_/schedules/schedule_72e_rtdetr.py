# 72 epochs of AdamW at one learning rate, a tenth of it for the body, and an average of the weights
_base_ = './schedule_detr.py'

optimizer = dict(paramwise_cfg=dict(norm_decay_mult=0, bypass_duplicate=True))
lr_config = dict(_delete_=True, policy='fixed', by_epoch=False, warmup='linear', warmup_iters=1999, warmup_ratio=0.001)
evaluation = dict(interval=6)
runner = dict(max_epochs=72)
custom_hooks = [dict(type='EMAHook', ema_type='ExpMomentumEMA', momentum=0.0001, update_buffers=True, priority=49)]
