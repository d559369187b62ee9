# angle version le90; rotation-equivariant body, rotation-invariant RoI features
_base_ = './roi_trans_r50_fpn.py'

extractors = _base_.model.roi_head.bbox_roi_extractor
model = dict(
    type='ReDet',
    backbone=dict(
        _delete_=True,
        type='ReResNet',
        depth=50,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        frozen_stages=1,
        style='pytorch',
        pretrained='work_dirs/pretrain/re_resnet50_c8_batch256-25b16846.pth',
    ),
    neck=dict(type='ReFPN'),
    roi_head=dict(
        bbox_roi_extractor=[
            extractors[0],
            dict(
                extractors[1],
                roi_layer=dict(type='RiRoIAlignRotated', out_size=7, num_samples=2, num_orientations=8, clockwise=True),
            ),
        ]
    ),
    test_cfg=dict(rcnn=dict(nms=dict(_delete_=True, iou_thr=0.1))),
)
del extractors  # no key of the config
