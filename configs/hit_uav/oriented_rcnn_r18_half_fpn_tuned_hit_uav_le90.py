# The second part of the shipped model's training: from the weights of the first one, with scales, small turns, brightness
# and contrast, and images of rare classes drawn more often. The shipped weights had two epochs of an earlier form of it
# in between (scales 0.8 to 1.5, oversample_thr 0.3, learning rate 5e-4).
_base_ = ['./oriented_rcnn_r18_half_fpn_hit_uav_le90.py']

load_from = 'work_dirs/oriented_rcnn_r18_half_fpn_hit_uav_le90/latest.pth'
size = (640, 512)
angle_version = 'le90'
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='RResize', img_scale=size, ratio_range=(0.9, 1.6)),
    dict(type='RandomRotate', prob=0.3, angle_range=20, version=angle_version),
    dict(type='RRandomCrop', crop_size=size[::-1], allow_negative_crop=True, iof_thr=0.5, version=angle_version),
    dict(
        type='RRandomFlip',
        flip_ratio=[0.25, 0.25, 0.25],
        direction=['horizontal', 'vertical', 'diagonal'],
        version=angle_version,
    ),
    dict(type='BrightnessTransform', level=3.5, prob=0.25),
    dict(type='BrightnessTransform', level=6.5, prob=0.25),
    dict(type='ContrastTransform', level=3.5, prob=0.25),
    dict(type='ContrastTransform', level=6.5, prob=0.25),
    dict(type='Normalize', mean=[125.65] * 3, std=[40.87] * 3, to_rgb=True),
    dict(type='Pad', size=size[::-1]),
    dict(type='DefaultFormatBundle'),
    dict(type='Collect', keys=['img', 'gt_bboxes', 'gt_labels']),
]
data = dict(
    samples_per_gpu=8,
    train=dict(
        _delete_=True,
        type='ClassBalancedDataset',
        oversample_thr=0.5,
        dataset=dict(
            type='HITUAVDataset',
            ann_file='data/hit_uav/train/labelTxt/',
            img_prefix='data/hit_uav/train/images/',
            pipeline=train_pipeline,
            version=angle_version,
        ),
    ),
)
optimizer = dict(lr=7e-4)
auto_scale_lr = dict(base_batch_size=8)
lr_config = dict(warmup_iters=60)
runner = dict(max_epochs=11)
evaluation = dict(interval=1)
custom_hooks = [dict(type='NumClassCheckHook'), dict(type='EMAHook', momentum=0.002)]
log_config = dict(interval=20)
