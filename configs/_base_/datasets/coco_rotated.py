# labels in COCO's JSON, of all its categories in their order; angle version le90
_base_ = './dotav1_le90.py'

dataset_type = 'CocoRotatedDataset'
data_root = 'data/coco_rotated/'
data = dict(
    train=dict(type=dataset_type, ann_file=data_root + 'annotations/train.json', img_prefix=data_root + 'train/'),
    val=dict(type=dataset_type, ann_file=data_root + 'annotations/val.json', img_prefix=data_root + 'val/'),
    test=dict(type=dataset_type, ann_file=data_root + 'annotations/val.json', img_prefix=data_root + 'val/'),
)
