# HRSID with the pipelines of ssdd_le90, tested at full size; angle version le90
_base_ = './ssdd_le90.py'

data_root = 'data/hrsid/'
test_pipeline = [_base_.test_pipeline[0], dict(_base_.test_pipeline[1], img_scale=(800, 800))]
data = dict(
    train=dict(ann_file=data_root + 'trainsplit/labelTxt/', img_prefix=data_root + 'trainsplit/images/'),
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
