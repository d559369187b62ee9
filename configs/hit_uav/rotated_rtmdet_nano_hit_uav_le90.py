# The fast one of the shipped models: RTMDet-R on a ResNet-18 of 24 in place of 64 channels, three levels, 2.3 million
# weights. Trained from scratch, first on mosaics, then on single images; images of rare classes are drawn more often.
_base_ = ['./rotated_rtmdet_lite0_hit_uav_le90.py', '../_base_/datasets/hit_uav_changes.py']

model = dict(
    backbone=dict(
        _delete_=True,
        type='ResNet',
        depth=18,
        base_channels=24,
        out_indices=(1, 2, 3),
        style='pytorch',
        norm_cfg=dict(type='BN', requires_grad=True),
        norm_eval=False,
        frozen_stages=-1,
    ),
    neck=dict(in_channels=[48, 96, 192], out_channels=64),
    bbox_head=dict(in_channels=64, feat_channels=64),
    # bicycles and people stand side by side
    test_cfg=dict(nms=dict(iou_threshold=0.4)),
)

mosaic = [
    dict(type='CachedMosaic', img_scale=_base_.size[::-1], pad_val=126),
    dict(type='RResize', img_scale=(1280, 1024), ratio_range=(0.55, 1.4)),
]
single = [dict(type='RResize', img_scale=_base_.size, ratio_range=(0.8, 1.6))]
turn = dict(type='RandomRotate', prob=0.3, angle_range=30, version=_base_.angle_version)
train_pipeline = [*_base_.loading, *mosaic, turn, *_base_.changes]
single_pipeline = [*_base_.loading, *single, turn, *_base_.changes]
data = dict(
    samples_per_gpu=16,
    train=dict(
        _delete_=True,
        type='ClassBalancedDataset',
        oversample_thr=0.5,
        dataset=dict(_base_.data.train, pipeline=train_pipeline),
    ),
)
optimizer = dict(lr=0.003)
auto_scale_lr = dict(base_batch_size=16)
lr_config = dict(
    _delete_=True,
    policy='CosineAnnealing',
    by_epoch=False,
    min_lr_ratio=0.01,
    warmup='linear',
    warmup_iters=100,
    warmup_ratio=0.01,
)
runner = dict(max_epochs=29)
custom_hooks = [
    dict(type='NumClassCheckHook'),
    dict(type='EMAHook', momentum=0.002, update_buffers=True),
    dict(type='PipelineSwitchHook', switch_epoch=20, switch_pipeline=single_pipeline),
]
evaluation = dict(interval=5)
bf16 = True
seed = 0
