# For longer trainings on HIT-UAV: what comes before and after other scales, turns and mosaics.
size = (640, 512)
loading = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations', with_bbox=True)]
changes = [
    dict(type='RRandomCrop', crop_size=size[::-1], allow_negative_crop=True, iof_thr=0.5, version='le90'),
    dict(
        type='RRandomFlip',
        flip_ratio=[0.25, 0.25, 0.25],
        direction=['horizontal', 'vertical', 'diagonal'],
        version='le90',
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
