# angle version oc; a RetinaNet whose boxes a second head refines
_base_ = './rotated_retinanet_r50_fpn.py'

head, stage = _base_.model.bbox_head, _base_.model.train_cfg
loss_bbox = dict(type='SmoothL1Loss', beta=0.11, loss_weight=1.0)
strides = [8, 16, 32, 64, 128]
model = dict(
    type='R3Det',
    # without assign_by_circumhbbox, which then is 'oc'
    bbox_head=dict(
        {key: value for key, value in head.items() if key != 'assign_by_circumhbbox'},
        _delete_=True,
        loss_bbox=loss_bbox,
    ),
    frm_cfgs=[dict(in_channels=256, featmap_strides=strides)],
    num_refine_stages=1,
    refine_heads=[
        dict(
            head,
            type='RotatedRetinaRefineHead',
            anchor_generator=dict(type='PseudoAnchorGenerator', strides=strides),
            loss_bbox=loss_bbox,
        )
    ],
    train_cfg=dict(
        _delete_=True,
        s0=stage,
        sr=[dict(stage, assigner=dict(stage.assigner, pos_iou_thr=0.6, neg_iou_thr=0.5))],
        stage_loss_weights=[1.0],
    ),
)
del head, stage, loss_bbox, strides  # no keys of the config
