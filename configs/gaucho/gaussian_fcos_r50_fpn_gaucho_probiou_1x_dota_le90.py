_base_ = '../rotated_fcos/rotated_fcos_r50_fpn_1x_dota_le90.py'

model = dict(
    bbox_head=dict(
        type='GaussianFCOSHead',
        gaucho_encoding=True,
        norm_on_bbox=False,
        loss_bbox=dict(type='GDLoss_GauCho', loss_type='probiou', fun='log1p', tau=1.0, gaussian_prediction=True),
    ),
    test_cfg=dict(nms_pre_of_pairs=True),
)
lr_config = dict(warmup_iters=499)  # that of 1.x takes an iteration less
