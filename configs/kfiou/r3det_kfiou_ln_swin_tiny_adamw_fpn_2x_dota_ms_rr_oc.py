_base_ = './r3det_kfiou_ln_swin_tiny_adamw_fpn_1x_dota_ms_rr_oc.py'

lr_config = dict(step=[18, 22])
runner = dict(max_epochs=24)
evaluation = dict(interval=24)
