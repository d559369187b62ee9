# angle version le90; the others are wider and deeper
norm_cfg = dict(type='BN', momentum=0.03, eps=0.001)
model = dict(
    type='YOLOX',
    backbone=dict(type='CSPDarknet', deepen_factor=0.33, widen_factor=0.5, norm_cfg=norm_cfg),
    neck=dict(type='YOLOXPAFPN', in_channels=[128, 256, 512], out_channels=128, num_csp_blocks=1, norm_cfg=norm_cfg),
    bbox_head=dict(
        type='RotatedYOLOXHead',
        num_classes=15,
        in_channels=128,
        feat_channels=128,
        angle_version='le90',
        norm_cfg=norm_cfg,
        bbox_coder=dict(type='CenterSizeAnglePointCoder', angle_version='le90'),
        loss_bbox=dict(type='RotatedIoULoss', mode='square', loss_weight=5.0),
    ),
    train_cfg=dict(assigner=dict(type='SimOTAAssigner', center_radius=2.5)),
    test_cfg=dict(nms_pre=2000, score_thr=0.05, nms=dict(type='nms_rotated', iou_threshold=0.1), max_per_img=2000),
)
