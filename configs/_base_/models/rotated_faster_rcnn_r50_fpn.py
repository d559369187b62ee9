# angle version le90; upright proposals
_base_ = './oriented_rcnn_r50_fpn.py'

model = dict(
    type='RotatedFasterRCNN',
    rpn_head=dict(
        type='RotatedRPNHead',
        bbox_coder=dict(
            _delete_=True,
            type='DeltaXYWHBBoxCoder',
            target_means=[0.0, 0.0, 0.0, 0.0],
            target_stds=[1.0, 1.0, 1.0, 1.0],
        ),
    ),
    roi_head=dict(
        type='RotatedStandardRoIHead',
        version='le90',
        bbox_roi_extractor=dict(
            type='SingleRoIExtractor', roi_layer=dict(_delete_=True, type='RoIAlign', output_size=7, sampling_ratio=0)
        ),
        bbox_head=dict(
            bbox_coder=dict(
                _delete_=True,
                type='DeltaXYWHAHBBoxCoder',
                angle_range='le90',
                norm_factor=2,
                edge_swap=True,
                target_means=(0.0, 0.0, 0.0, 0.0, 0.0),
                target_stds=(0.1, 0.1, 0.2, 0.2, 0.1),
            )
        ),
    ),
    train_cfg=dict(
        rpn_proposal=dict(nms=dict(iou_threshold=0.7)),
        rcnn=dict(
            assigner=dict(
                _delete_=True,
                type='MaxIoUAssigner',
                pos_iou_thr=0.5,
                neg_iou_thr=0.5,
                min_pos_iou=0.5,
                match_low_quality=False,
                ignore_iof_thr=-1,
            ),
            sampler=dict(type='RandomSampler'),
        ),
    ),
    test_cfg=dict(rpn=dict(nms=dict(iou_threshold=0.7))),
)
