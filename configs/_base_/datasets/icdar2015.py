# ICDAR2015, text in pictures of 1280 x 720; the folders are named as its archives; angle version le90
_base_ = './dotav1_le90.py'

dataset_type = 'ICDAR2015Dataset'
data_root = 'data/icdar2015/'
train_pipeline = [dict(step, img_scale=(1280, 720)) if 'img_scale' in step else step for step in _base_.train_pipeline]
test_pipeline = [_base_.test_pipeline[0], dict(_base_.test_pipeline[1], img_scale=(1280, 720))]
data = dict(
    train=dict(
        type=dataset_type,
        ann_file=data_root + 'ch4_training_localization_transcription_gt/',
        img_prefix=data_root + 'ch4_training_images/',
        pipeline=train_pipeline,
    ),
    val=dict(
        type=dataset_type,
        ann_file=data_root + 'Challenge4_Test_Task1_GT/',
        img_prefix=data_root + 'ch4_test_images/',
        pipeline=test_pipeline,
    ),
    test=dict(
        type=dataset_type,
        ann_file=data_root + 'Challenge4_Test_Task1_GT/',
        img_prefix=data_root + 'ch4_test_images/',
        pipeline=test_pipeline,
    ),
)
