# labels as Ultralytics has them: DOTA 1.0 with the names of its DOTAv1.yaml; angle version le90
_base_ = './dotav1_le90.py'

dataset_type = 'YOLOOBBDataset'
data_root = 'data/DOTAv1/'
classes = (
    'plane',
    'ship',
    'storage tank',
    'baseball diamond',
    'tennis court',
    'basketball court',
    'ground track field',
    'harbor',
    'bridge',
    'large vehicle',
    'small vehicle',
    'helicopter',
    'roundabout',
    'soccer ball field',
    'swimming pool',
)
data = dict(
    train=dict(
        type=dataset_type, classes=classes, ann_file=data_root + 'labels/train/', img_prefix=data_root + 'images/train/'
    ),
    val=dict(
        type=dataset_type, classes=classes, ann_file=data_root + 'labels/val/', img_prefix=data_root + 'images/val/'
    ),
    test=dict(
        type=dataset_type, classes=classes, ann_file=data_root + 'labels/val/', img_prefix=data_root + 'images/val/'
    ),
)
