# HRSC2016: ships, all in one class, as in 0.3.4; the configs here train on hrsc_oc, _le90 and _le135
_base_ = './dotav1.py'

dataset_type = 'HRSCDataset'
data_root = 'data/hrsc/'
train_pipeline = [dict(step, img_scale=(800, 800)) if 'img_scale' in step else step for step in _base_.train_pipeline]
test_pipeline = [_base_.test_pipeline[0], dict(_base_.test_pipeline[1], img_scale=(800, 800))]
files = dict(
    type=dataset_type,
    classwise=False,
    ann_subdir=data_root + 'FullDataSet/Annotations/',
    img_subdir=data_root + 'FullDataSet/AllImages/',
    img_prefix=data_root + 'FullDataSet/AllImages/',
)
tested = dict(files, ann_file=data_root + 'ImageSets/test.txt', pipeline=test_pipeline)
data = dict(
    train=dict(files, ann_file=data_root + 'ImageSets/trainval.txt', pipeline=train_pipeline), val=tested, test=tested
)
del files, tested
