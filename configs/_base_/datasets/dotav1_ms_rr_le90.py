# DOTA 1.0 split at three scales, with random rotation
_base_ = './dotav1_le90.py'

data_root = 'data/split_ms_dota1_0/'
train_pipeline = [
    *_base_.train_pipeline[:4],
    dict(
        type='PolyRandomRotate',
        rotate_ratio=0.5,
        angles_range=180,
        auto_bound=False,
        rect_classes=[9, 11],  # storage tanks and roundabouts are round: their boxes stay upright
        version=_base_.angle_version,
    ),
    *_base_.train_pipeline[4:],
]
data = dict(
    train=dict(
        ann_file=data_root + 'trainval/annfiles/',
        img_prefix=data_root + 'trainval/images/',
        pipeline=train_pipeline,
    ),
    val=dict(ann_file=data_root + 'trainval/annfiles/', img_prefix=data_root + 'trainval/images/'),
    test=dict(ann_file=data_root + 'test/images/', img_prefix=data_root + 'test/images/'),
)
