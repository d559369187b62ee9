# 12 epochs of AdamW, a tenth of the learning rate for the body; it is that for 8 images a step
evaluation = dict(interval=2, metric='mAP')
optimizer = dict(
    type='AdamW', lr=0.0001, weight_decay=0.0001, paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1)))
)
auto_scale_lr = dict(enable=False, base_batch_size=8)
optimizer_config = dict(grad_clip=dict(max_norm=0.1, norm_type=2))
lr_config = dict(policy='step', step=[11])
runner = dict(type='EpochBasedRunner', max_epochs=12)
checkpoint_config = dict(interval=1)
