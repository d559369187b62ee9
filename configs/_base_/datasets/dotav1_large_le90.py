# DOTA 1.0 as it is published: a sample is a window of an image that is not split
_base_ = './dotav1_le90.py'
data_root = 'data/DOTA/'
windows = dict(type='LargeImageDataset', sizes=[1024], gaps=[200])
load = dict(type='LoadPatchFromImage', padding_value=(104, 116, 124))
part = dict(type='DOTADataset', version=_base_.angle_version)
data = dict(
    train=dict(
        _delete_=True,
        **windows,
        empty_share=0.1,
        index_file=data_root + 'train_windows.npz',
        dataset=dict(
            **part,
            ann_file=data_root + 'train/labelTxt/',
            img_prefix=data_root + 'train/images/',
            filter_empty_gt=False,
            pipeline=[load, *_base_.train_pipeline[1:]],
        ),
    ),
    val=dict(
        _delete_=True,
        **windows,
        index_file=data_root + 'val_windows.npz',
        dataset=dict(
            **part,
            ann_file=data_root + 'val/labelTxt/',
            img_prefix=data_root + 'val/images/',
            pipeline=[load, *_base_.test_pipeline[1:]],
        ),
    ),
)
