_base_ = [
    '../_base_/models/h2rbox_v2_r50_fpn.py',
    '../_base_/datasets/hrsc_le90.py',
    '../_base_/schedules/schedule_1x_adamw_plain.py',
    '../_base_/default_runtime.py',
]

model = dict(
    crop_size=(800, 800), bbox_head=dict(num_classes=1, rotation_agnostic_classes=None, agnostic_resize_classes=None)
)
changes = dict(RResize=dict(img_scale=(800, 800)), Pad=dict(size=(800, 800), size_divisor=None))
train_pipeline = [dict(step, **changes.get(step.type, {})) for step in _base_.train_pipeline]
del changes
data = dict(train=dict(horizontal=True, pipeline=train_pipeline))
evaluation = dict(interval=12)
optimizer = dict(lr=0.00005, weight_decay=0.005)
lr_config = dict(step=[48, 66])
runner = dict(max_epochs=72)
checkpoint_config = dict(interval=12)
