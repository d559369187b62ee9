_base_ = [
    '../_base_/models/oriented_rcnn_lsk_s.py',
    '../_base_/datasets/hrsc_le90.py',
    '../_base_/schedules/schedule_1x_adamw_bodies.py',
    '../_base_/default_runtime.py',
]

model = dict(roi_head=dict(bbox_head=dict(num_classes=1)))
auto_scale_lr = dict(base_batch_size=8)
lr_config = dict(step=[24, 33])
runner = dict(max_epochs=36)
