_base_ = [
    '../_base_/models/rotated_fcos_r50_fpn.py',
    '../_base_/datasets/dior.py',
    '../_base_/schedules/schedule_1x.py',
    '../_base_/default_runtime.py',
]

model = dict(
    bbox_head=dict(
        type='GaussianFCOSHead',
        num_classes=20,
        gaucho_encoding=True,
        norm_on_bbox=False,
        loss_bbox=dict(type='GDLoss_GauCho', loss_type='probiou', fun='log1p', tau=1.0, gaussian_prediction=True),
    ),
    test_cfg=dict(nms_pre_of_pairs=True),
)
lr_config = dict(warmup_iters=499)  # that of 1.x takes an iteration less
