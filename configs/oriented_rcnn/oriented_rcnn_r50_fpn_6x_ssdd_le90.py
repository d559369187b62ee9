_base_ = [
    '../_base_/models/oriented_rcnn_r50_fpn.py',
    '../_base_/datasets/ssdd_le90.py',
    '../_base_/schedules/schedule_6x.py',
    '../_base_/default_runtime.py',
]

model = dict(backbone=dict(frozen_stages=-1), roi_head=dict(bbox_head=dict(num_classes=1)))
optimizer = dict(lr=0.005)
lr_config = dict(step=[65, 71])
evaluation = dict(interval=72)
checkpoint_config = dict(interval=12)
