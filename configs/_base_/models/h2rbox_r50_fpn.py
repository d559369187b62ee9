# angle version le90; learns from upright labels
_base_ = './rotated_fcos_r50_fpn.py'

model = dict(
    type='H2RBoxDetector',
    crop_size=(1024, 1024),
    bbox_head=dict(
        type='H2RBoxHead',
        angle_version='le90',
        crop_size=(1024, 1024),
        # storage tanks and roundabouts: results are made upright
        square_classes=[9, 11],
        loss_bbox=dict(type='IoULoss', loss_weight=1.0),
        loss_bbox_ss=dict(
            type='H2RBoxConsistencyLoss',
            loss_weight=0.4,
            center_loss_cfg=dict(type='L1Loss', loss_weight=0.0),
            shape_loss_cfg=dict(type='IoULoss', loss_weight=1.0),
            angle_loss_cfg=dict(type='L1Loss', loss_weight=1.0),
        ),
    ),
)
