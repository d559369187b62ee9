# SSDD: ships in radar images, as in 0.3.4; val is the inshore part of the test split, test the offshore part
_base_ = './dotav1.py'

dataset_type = 'SARDataset'
data_root = 'data/ssdd/'
train_pipeline = [dict(step, img_scale=(608, 608)) if 'img_scale' in step else step for step in _base_.train_pipeline]
test_pipeline = [_base_.test_pipeline[0], dict(_base_.test_pipeline[1], img_scale=(608, 608))]
data = dict(
    train=dict(
        type=dataset_type,
        ann_file=data_root + 'train/labelTxt/',
        img_prefix=data_root + 'train/images/',
        pipeline=train_pipeline,
    ),
    val=dict(
        type=dataset_type,
        ann_file=data_root + 'test/inshore/labelTxt/',
        img_prefix=data_root + 'test/inshore/images/',
        pipeline=test_pipeline,
    ),
    test=dict(
        type=dataset_type,
        ann_file=data_root + 'test/offshore/labelTxt/',
        img_prefix=data_root + 'test/offshore/images/',
        pipeline=test_pipeline,
    ),
)
