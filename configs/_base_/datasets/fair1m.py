# FAIR1M: aeroplanes, ships, vehicles, courts and roads in 37 classes, from its XML files; angle version le90
_base_ = './dotav1_le90.py'

dataset_type = 'FAIR1MDataset'
data_root = 'data/fair1m/'
data = dict(
    train=dict(type=dataset_type, ann_file=data_root + 'train/labelXml/', img_prefix=data_root + 'train/images/'),
    val=dict(
        type=dataset_type, ann_file=data_root + 'validation/labelXml/', img_prefix=data_root + 'validation/images/'
    ),
    test=dict(type=dataset_type, ann_file=data_root + 'test/images/', img_prefix=data_root + 'test/images/'),
)
