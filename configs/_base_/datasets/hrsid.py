# HRSID: ships in radar images, as in 0.3.4: the pipelines of SSDD at full size
_base_ = './ssdd.py'

data_root = 'data/hrsid/'
train_pipeline = [dict(step, img_scale=(800, 800)) if 'img_scale' in step else step for step in _base_.train_pipeline]
test_pipeline = [_base_.test_pipeline[0], dict(_base_.test_pipeline[1], img_scale=(800, 800))]
data = dict(
    train=dict(
        ann_file=data_root + 'trainsplit/labelTxt/',
        img_prefix=data_root + 'trainsplit/images/',
        pipeline=train_pipeline,
    ),
    val=dict(
        ann_file=data_root + 'testsplit/inshore/labelTxt/',
        img_prefix=data_root + 'testsplit/inshore/images/',
        pipeline=test_pipeline,
    ),
    test=dict(
        ann_file=data_root + 'testsplit/offshore/labelTxt/',
        img_prefix=data_root + 'testsplit/offshore/images/',
        pipeline=test_pipeline,
    ),
)
