_base_ = './cfa_r50_fpn_1x_dota_oc.py'

lr_config = dict(step=[24, 32, 38])
runner = dict(max_epochs=40)
evaluation = dict(interval=40)
checkpoint_config = dict(interval=10)
