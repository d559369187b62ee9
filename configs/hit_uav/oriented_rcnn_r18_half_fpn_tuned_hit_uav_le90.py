# The second part of the shipped model's training: from the weights of the first one, with scales, small turns, brightness
# and contrast, and images of rare classes drawn more often. The shipped weights had two epochs of an earlier form of it
# in between (scales 0.8 to 1.5, oversample_thr 0.3, learning rate 5e-4).
_base_ = ['./oriented_rcnn_r18_half_fpn_hit_uav_le90.py', '../_base_/datasets/hit_uav_changes.py']

load_from = 'work_dirs/oriented_rcnn_r18_half_fpn_hit_uav_le90/latest.pth'
train_pipeline = [
    *_base_.loading,
    dict(type='RResize', img_scale=_base_.size, ratio_range=(0.9, 1.6)),
    dict(type='RandomRotate', prob=0.3, angle_range=20, version=_base_.angle_version),
    *_base_.changes,
]
data = dict(
    samples_per_gpu=8,
    train=dict(
        _delete_=True,
        type='ClassBalancedDataset',
        oversample_thr=0.5,
        dataset=dict(_base_.data.train, pipeline=train_pipeline),
    ),
)
optimizer = dict(lr=7e-4)
auto_scale_lr = dict(base_batch_size=8)
lr_config = dict(warmup_iters=60)
runner = dict(max_epochs=11)
evaluation = dict(interval=1)
custom_hooks = [dict(type='NumClassCheckHook'), dict(type='EMAHook', momentum=0.002)]
log_config = dict(interval=20)
