# AdamW that decays all weights alike
_base_ = './schedule_1x.py'

optimizer = dict(_delete_=True, type='AdamW', lr=0.0001, betas=(0.9, 0.999), weight_decay=0.05)
evaluation = dict(interval=6)
lr_config = dict(warmup_iters=499)  # that of 1.x takes an iteration less
