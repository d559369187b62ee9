_base_ = './h2rbox-le90_r50_fpn_adamw-1x_dotav2.py'

evaluation = dict(interval=12)
lr_config = dict(step=[24, 33])
runner = dict(max_epochs=36)
