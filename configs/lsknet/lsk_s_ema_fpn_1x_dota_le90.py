_base_ = './lsk_s_fpn_1x_dota_le90.py'

custom_hooks = [dict(type='EMAHook', momentum=0.0002)]
