# twice the rate of schedule_1x_adamw_plain, as in MMRotate 1.x, whose warm-up takes an iteration less
_base_ = './schedule_1x_adamw_plain.py'

optimizer = dict(lr=0.0002)
lr_config = dict(warmup_iters=499)
