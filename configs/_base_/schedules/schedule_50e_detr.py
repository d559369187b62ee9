# 50 epochs of AdamW, a tenth of the learning rate for the body and for where attention looks; for 4 images a step
_base_ = './schedule_detr.py'

evaluation = dict(interval=5)
tenth = dict(lr_mult=0.1)
optimizer = dict(paramwise_cfg=dict(custom_keys=dict(sampling_offsets=tenth, reference_points=tenth)))
auto_scale_lr = dict(base_batch_size=4)
lr_config = dict(step=[40])
runner = dict(max_epochs=50)
