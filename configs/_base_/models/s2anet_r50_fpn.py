# angle version le135; a first head turns square anchors, a second one takes features aligned to them
_base_ = './rotated_retinanet_r50_fpn.py'

strides = [8, 16, 32, 64, 128]
head = dict(
    _base_.model.bbox_head,
    stacked_convs=2,
    bbox_coder=dict(_base_.model.bbox_head.bbox_coder, angle_range='le135', norm_factor=1, proj_xy=True),
    loss_bbox=dict(type='SmoothL1Loss', beta=0.11, loss_weight=1.0),
)
anchors = dict(type='RotatedAnchorGenerator', scales=[4], ratios=[1.0], strides=strides)
model = dict(
    _delete_=True,
    type='S2ANet',
    backbone=_base_.model.backbone,
    neck=_base_.model.neck,
    fam_head=dict(head, type='RotatedRetinaHead', anchor_generator=anchors),
    align_cfgs=dict(type='AlignConv', kernel_size=3, channels=256, featmap_strides=strides),
    odm_head=dict(head, type='ODMRefineHead', anchor_generator=dict(type='PseudoAnchorGenerator', strides=strides)),
    train_cfg=dict(fam_cfg=_base_.model.train_cfg, odm_cfg=_base_.model.train_cfg),
    test_cfg=_base_.model.test_cfg,
)
del strides, head, anchors  # no keys of the config
