# DIOR-R: 20 classes in images of 800 x 800, from its XML files; angle version le90
_base_ = './dotav1_le90.py'

dataset_type = 'DIORDataset'
data_root = 'data/dior/'
train_pipeline = [dict(step, img_scale=(800, 800)) if 'img_scale' in step else step for step in _base_.train_pipeline]
test_pipeline = [_base_.test_pipeline[0], dict(_base_.test_pipeline[1], img_scale=(800, 800))]
labels = dict(type=dataset_type, ann_subdir=data_root + 'Annotations/Oriented Bounding Boxes/')
data = dict(
    train=dict(
        ann_file=[data_root + 'ImageSets/Main/train.txt', data_root + 'ImageSets/Main/val.txt'],
        img_prefix=data_root + 'JPEGImages-trainval/',
        pipeline=train_pipeline,
        **labels,
    ),
    val=dict(
        ann_file=data_root + 'ImageSets/Main/test.txt',
        img_prefix=data_root + 'JPEGImages-test/',
        pipeline=test_pipeline,
        **labels,
    ),
    test=dict(
        ann_file=data_root + 'ImageSets/Main/test.txt',
        img_prefix=data_root + 'JPEGImages-test/',
        pipeline=test_pipeline,
        **labels,
    ),
)
del labels
