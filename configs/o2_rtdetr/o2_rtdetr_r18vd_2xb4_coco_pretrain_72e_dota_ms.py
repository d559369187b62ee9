_base_ = './o2_rtdetr_r18vd_2xb4_72e_dota.py'

# the whole detector begins with what COCO taught it
model = dict(
    init_cfg=dict(type='Pretrained', checkpoint=_base_.weights + 'rtdetr_r18vd_8xb2-72e_coco_3dda8dd4.pth'),
    backbone=dict(init_cfg=None),
    bbox_head=dict(loss_cls=dict(type='DEIMMalLoss', alpha=1.0, gamma=1.5)),
)
data_root = 'data/split_ms_dota1_0/'
data = dict(
    train=dict(ann_file=data_root + 'trainval/annfiles/', img_prefix=data_root + 'trainval/images/'),
    val=dict(ann_file=data_root + 'trainval/annfiles/', img_prefix=data_root + 'trainval/images/'),
    test=dict(ann_file=data_root + 'test/images/', img_prefix=data_root + 'test/images/'),
)
