# 36 epochs of AdamW, a tenth of the learning rate for the body
_base_ = './schedule_detr.py'

evaluation = dict(interval=4)
lr_config = dict(step=[27, 33])
runner = dict(max_epochs=36)
