_base_ = [
    '../_base_/models/s2anet_r50_fpn.py',
    '../_base_/datasets/hrsc_le135.py',
    '../_base_/schedules/schedule_3x.py',
    '../_base_/default_runtime.py',
]

model = dict(fam_head=dict(num_classes=1), odm_head=dict(num_classes=1))
train_pipeline = [dict(step, img_scale=(800, 800)) if 'img_scale' in step else step for step in _base_.train_pipeline]
test_pipeline = [_base_.test_pipeline[0], dict(_base_.test_pipeline[1], img_scale=(800, 800))]
data = dict(train=dict(pipeline=train_pipeline), val=dict(pipeline=test_pipeline), test=dict(pipeline=test_pipeline))
