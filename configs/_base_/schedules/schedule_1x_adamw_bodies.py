# 12 epochs of AdamW, weight decay on all weights, as in MMRotate 1.x, whose warm-up takes an iteration less
_base_ = './schedule_1x.py'

optimizer = dict(_delete_=True, type='AdamW', lr=0.0002, betas=(0.9, 0.999), weight_decay=0.05)
lr_config = dict(warmup_iters=499)
