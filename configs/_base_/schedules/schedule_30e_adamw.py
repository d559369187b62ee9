# 30 epochs of AdamW, no weight decay on norms and biases
_base_ = './schedule_1x_adamw_bodies.py'

evaluation = dict(interval=3)
optimizer = dict(paramwise_cfg=dict(norm_decay_mult=0, bias_decay_mult=0, bypass_duplicate=True))
lr_config = dict(step=[16, 22, 27])
runner = dict(max_epochs=30)
