# angle version le90; the first stage turns upright proposals, the second one refines what it gives
_base_ = './rotated_faster_rcnn_r50_fpn.py'

head, stage = _base_.model.roi_head.bbox_head, _base_.model.train_cfg.rcnn
model = dict(
    type='RoITransformer',
    roi_head=dict(
        type='RoITransRoIHead',
        num_stages=2,
        stage_loss_weights=[1, 1],
        bbox_roi_extractor=[
            _base_.model.roi_head.bbox_roi_extractor,
            dict(
                type='RotatedSingleRoIExtractor',
                roi_layer=dict(type='RoIAlignRotated', out_size=7, sample_num=2, clockwise=True),
                out_channels=256,
                featmap_strides=[4, 8, 16, 32],
            ),
        ],
        bbox_head=[
            dict(head, bbox_coder=dict(head.bbox_coder, target_stds=[0.1, 0.1, 0.2, 0.2, 1])),
            dict(
                head,
                reg_class_agnostic=False,
                bbox_coder=dict(
                    type='DeltaXYWHAOBBoxCoder',
                    angle_range='le90',
                    norm_factor=None,
                    edge_swap=True,
                    proj_xy=True,
                    target_means=[0.0, 0.0, 0.0, 0.0, 0.0],
                    target_stds=[0.05, 0.05, 0.1, 0.1, 0.5],
                ),
            ),
        ],
    ),
    train_cfg=dict(
        rcnn=[
            dict(
                stage,
                assigner=dict(stage.assigner, iou_calculator=dict(type=overlaps)),
                sampler=dict(stage.sampler, type=sampler),
            )
            for overlaps, sampler in [('BboxOverlaps2D', 'RandomSampler'), ('RBboxOverlaps2D', 'RRandomSampler')]
        ]
    ),
    test_cfg=dict(rcnn=dict(nms=dict(type='le90'))),
)
del head, stage  # no keys of the config
