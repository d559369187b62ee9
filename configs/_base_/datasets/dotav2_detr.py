# DOTA 2.0 for DETR; angle version le90
_base_ = './dotav1_detr.py'

dataset_type = 'DOTAv2Dataset'
data_root = 'data/split_1024_dota2_0/'
data = dict(
    train=dict(type=dataset_type, ann_file=data_root + 'trainval/annfiles/', img_prefix=data_root + 'trainval/images/'),
    val=dict(type=dataset_type, ann_file=data_root + 'trainval/annfiles/', img_prefix=data_root + 'trainval/images/'),
    test=dict(type=dataset_type, ann_file=data_root + 'test/images/', img_prefix=data_root + 'test/images/'),
)
