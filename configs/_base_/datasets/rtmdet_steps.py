# steps that RTMDet's pipelines share; angle version le90
flip = dict(
    type='RRandomFlip', flip_ratio=[0.25, 0.25, 0.25], direction=['horizontal', 'vertical', 'diagonal'], version='le90'
)
rotate = dict(
    type='PolyRandomRotate',
    rotate_ratio=0.5,
    angles_range=180,
    auto_bound=False,
    allow_negative=True,
    rect_classes=[9, 11],  # of DOTA; no class of HRSC has these numbers
    version='le90',
)
finish = [
    dict(type='Normalize', mean=[103.53, 116.28, 123.675], std=[57.375, 57.12, 58.395], to_rgb=False),
    dict(type='DefaultFormatBundle'),
]
collect = dict(type='Collect', keys=['img', 'gt_bboxes', 'gt_labels'])
