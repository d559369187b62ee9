# angle version le90; vertices slide along the sides of upright boxes
_base_ = './rotated_faster_rcnn_r50_fpn.py'

model = dict(
    type='GlidingVertex',
    roi_head=dict(
        type='GVRatioRoIHead',
        bbox_head=dict(
            type='GVBBoxHead',
            version='le90',
            num_shared_fcs=2,
            ratio_thr=0.8,
            bbox_coder=dict(
                _delete_=True,
                type='DeltaXYWHBBoxCoder',
                target_means=(0.0, 0.0, 0.0, 0.0),
                target_stds=(0.1, 0.1, 0.2, 0.2),
            ),
            fix_coder=dict(type='GVFixCoder', angle_range='le90'),
            ratio_coder=dict(type='GVRatioCoder', angle_range='le90'),
            loss_fix=dict(type='SmoothL1Loss', beta=1.0 / 3.0, loss_weight=1.0),
            loss_ratio=dict(type='SmoothL1Loss', beta=1.0 / 3.0, loss_weight=16.0),
        ),
    ),
)
