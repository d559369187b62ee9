"""Configs of detectors that are small enough for a test: narrow, three classes."""

import copy

_BACKBONE = dict(type='ResNet', depth=18, base_channels=8, norm_eval=True)
_NECK = dict(type='FPN', in_channels=[8, 16, 32, 64], out_channels=16, num_outs=5)
_ASSIGNER = dict(type='MaxIoUAssigner', min_pos_iou=0, ignore_iof_thr=-1)
_ROTATED_IOU = dict(type='RBboxOverlaps2D')


def _coder(version: str) -> dict:
    return dict(
        type='DeltaXYWHAOBBoxCoder',
        angle_range=version,
        norm_factor=None,
        edge_swap=True,
        proj_xy=True,
        target_means=(0.0,) * 5,
        target_stds=(1.0,) * 5,
    )


def retinanet(version: str, hbb: bool = False) -> dict:
    """Rotated RetinaNet; ``hbb`` assigns anchors to circumscribed boxes."""
    return dict(
        type='RotatedRetinaNet',
        backbone=dict(_BACKBONE),
        neck=dict(_NECK, add_extra_convs='on_input', start_level=1),
        bbox_head=dict(
            type='RotatedRetinaHead',
            num_classes=3,
            in_channels=16,
            stacked_convs=1,
            feat_channels=16,
            assign_by_circumhbbox=version if hbb else None,
            anchor_generator=dict(
                type='RotatedAnchorGenerator',
                octave_base_scale=4,
                scales_per_octave=3,
                ratios=[1.0, 0.5, 2.0],
                strides=[8, 16, 32, 64, 128],
            ),
            bbox_coder=_coder(version),
            loss_cls=dict(type='FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25),
            loss_bbox=dict(type='L1Loss', loss_weight=1.0),
        ),
        train_cfg=dict(
            assigner=dict(_ASSIGNER, pos_iou_thr=0.5, neg_iou_thr=0.4, iou_calculator=dict(_ROTATED_IOU)),
            allowed_border=-1,
            pos_weight=-1,
        ),
        test_cfg=dict(nms_pre=200, min_bbox_size=0, score_thr=0.005, nms=dict(iou_thr=0.1), max_per_img=200),
    )


_STRIDES = [8, 16, 32, 64, 128]


def _refine_head(version: str, kind: str) -> dict:
    """The head that ``kind`` names, on the boxes of RetinaNet's."""
    head = dict(retinanet(version)['bbox_head'], type=kind)
    return dict(head, anchor_generator=dict(type='PseudoAnchorGenerator', strides=_STRIDES))


def r3det(version: str, stages: int = 1) -> dict:
    """R3Det, by default with one refinement."""
    cfg = retinanet(version)
    settings = cfg['train_cfg']
    return dict(
        cfg,
        type='R3Det',
        num_refine_stages=stages,
        frm_cfgs=[dict(in_channels=16, featmap_strides=_STRIDES)] * stages,
        refine_heads=[_refine_head(version, 'RotatedRetinaRefineHead')] * stages,
        train_cfg=dict(s0=settings, sr=[settings] * stages, stage_loss_weights=[1.0, 0.5][:stages]),
    )


def s2anet(version: str) -> dict:
    """S2A-Net."""
    cfg = retinanet(version)
    head, settings = cfg.pop('bbox_head'), cfg['train_cfg']
    anchors = dict(type='RotatedAnchorGenerator', scales=[4], ratios=[1.0], strides=_STRIDES)
    return dict(
        cfg,
        type='S2ANet',
        fam_head=dict(head, anchor_generator=anchors),
        align_cfgs=dict(type='AlignConv', channels=16, featmap_strides=_STRIDES, kernel_size=3),
        odm_head=_refine_head(version, 'ODMRefineHead'),
        train_cfg=dict(fam_cfg=settings, odm_cfg=settings),
    )


_FCOS_ANGLES = {
    'together': dict(loss_bbox=dict(type='RotatedIoULoss')),
    'kld': dict(loss_bbox=dict(type='GDLoss_v1', loss_type='kld', fun='log1p', tau=1)),
    'separate': dict(separate_angle=True, loss_bbox=dict(type='GIoULoss')),
    'csl': dict(
        type='CSLRFCOSHead',
        separate_angle=True,
        scale_angle=False,
        loss_bbox=dict(type='GIoULoss'),
        loss_angle=dict(type='SmoothFocalLoss'),
    ),
    'psc': dict(
        separate_angle=True,
        scale_angle=False,
        loss_bbox=dict(type='IoULoss'),
        angle_coder=dict(type='PSCCoder', dual_freq=True),
    ),
    'acm': dict(
        loss_bbox=dict(type='RotatedIoULoss'), loss_angle=dict(type='L1Loss'), angle_coder=dict(type='ACMCoder')
    ),
    'gaucho': dict(
        norm_on_bbox=False,
        loss_bbox=dict(type='GDLoss_GauCho', loss_type='probiou', gaussian_prediction=True),
        gaussian_coder=dict(type='GauChoPointCoder'),
    ),
    'probiou': dict(loss_bbox=dict(type='ProbIoULoss', mode='l2')),
}


def fcos(version: str, angle: str = 'together') -> dict:
    """Rotated FCOS; ``angle`` is a key of ``_FCOS_ANGLES``, as 'together' with the sides."""
    head = dict(
        num_classes=3,
        in_channels=16,
        stacked_convs=1,
        feat_channels=16,
        strides=[8, 16, 32, 64, 128],
        center_sampling=True,
        centerness_on_reg=True,
        norm_cfg=dict(type='GN', num_groups=4),
        bbox_coder=dict(type='DistanceAnglePointCoder', angle_version=version),
        **{'type': 'RotatedFCOSHead', 'norm_on_bbox': True, **copy.deepcopy(_FCOS_ANGLES[angle])},
    )
    for key in {'angle_coder', 'gaussian_coder'} & set(head):
        head[key]['angle_version'] = version
    if angle == 'csl':
        head['angle_coder'] = dict(type='CSLCoder', angle_version=version, omega=4, radius=2)
    return dict(
        type='RotatedFCOS',
        backbone=dict(_BACKBONE),
        neck=dict(_NECK, add_extra_convs='on_output', start_level=1),
        bbox_head=head,
        test_cfg=dict(nms_pre=200, min_bbox_size=0, score_thr=0.005, nms=dict(iou_thr=0.1), max_per_img=200),
    )


def kfiou(cfg: dict) -> dict:
    """A detector that refines, with the heads and the loss of KFIoU."""
    names = dict(
        RotatedRetinaHead='KFIoURRetinaHead',
        RotatedRetinaRefineHead='KFIoURRetinaRefineHead',
        ODMRefineHead='KFIoUODMRefineHead',
    )
    single = [cfg[key] for key in ('bbox_head', 'fam_head', 'odm_head') if key in cfg]
    for head in [*single, *cfg.get('refine_heads', [])]:
        head.update(type=names[head['type']], loss_bbox=dict(type='KFLoss', fun='ln'))
    return cfg


def _oriented_rpn(version: str) -> dict:
    return dict(
        type='OrientedRPNHead',
        in_channels=16,
        feat_channels=16,
        version=version,
        anchor_generator=dict(type='AnchorGenerator', scales=[4], ratios=[0.5, 1, 2], strides=[4, 8, 16, 32, 64]),
        bbox_coder=dict(
            type='MidpointOffsetCoder',
            angle_range=version,
            target_means=[0.0] * 6,
            target_stds=[1.0, 1.0, 1.0, 1.0, 0.5, 0.5],
        ),
        loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=True),
        loss_bbox=dict(type='SmoothL1Loss', beta=1 / 9),
    )


def _roi_head(version: str) -> dict:
    return dict(
        type='OrientedStandardRoIHead',
        bbox_roi_extractor=dict(
            type='RotatedSingleRoIExtractor',
            roi_layer=dict(type='RoIAlignRotated', out_size=7, sample_num=2, clockwise=True),
            out_channels=16,
            featmap_strides=[4, 8, 16, 32],
        ),
        bbox_head=dict(
            type='RotatedShared2FCBBoxHead',
            in_channels=16,
            fc_out_channels=32,
            num_classes=3,
            reg_class_agnostic=True,
            bbox_coder=dict(_coder(version), target_stds=(0.1, 0.1, 0.2, 0.2, 0.1)),
            loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=False),
            loss_bbox=dict(type='SmoothL1Loss', beta=1.0),
        ),
    )


def oriented_rcnn(version: str) -> dict:
    """Oriented R-CNN."""
    proposals = dict(nms_pre=200, max_per_img=100, nms=dict(type='nms', iou_threshold=0.8), min_bbox_size=0)
    sampler = dict(num=64, neg_pos_ub=-1)
    return dict(
        type='OrientedRCNN',
        backbone=dict(_BACKBONE),
        neck=dict(_NECK),
        rpn_head=_oriented_rpn(version),
        roi_head=_roi_head(version),
        train_cfg=dict(
            rpn=dict(
                assigner=dict(_ASSIGNER, pos_iou_thr=0.7, neg_iou_thr=0.3, min_pos_iou=0.3),
                sampler=dict(sampler, type='RandomSampler', pos_fraction=0.5, add_gt_as_proposals=False),
                allowed_border=0,
                pos_weight=-1,
            ),
            rpn_proposal=proposals,
            rcnn=dict(
                assigner=dict(
                    _ASSIGNER,
                    pos_iou_thr=0.5,
                    neg_iou_thr=0.5,
                    min_pos_iou=0.5,
                    match_low_quality=False,
                    iou_calculator=dict(_ROTATED_IOU),
                ),
                sampler=dict(sampler, type='RRandomSampler', pos_fraction=0.25, add_gt_as_proposals=True),
                pos_weight=-1,
            ),
        ),
        test_cfg=dict(
            rpn=proposals,
            rcnn=dict(nms_pre=200, min_bbox_size=0, score_thr=0.05, nms=dict(iou_thr=0.1), max_per_img=100),
        ),
    )


_POINT_LOSSES = ('ConvexGIoULoss', 'ConvexGIoULoss')
# method: type of the head, losses of both stages, assigner of the second
_POINT_HEADS: dict[str, tuple[str, tuple[str, str], dict]] = {
    'plain': ('RotatedRepPointsHead', _POINT_LOSSES, dict(pos_iou_thr=0.4)),
    'cfa': ('RotatedRepPointsHead', _POINT_LOSSES, dict(pos_iou_thr=0.1)),
    'oriented': ('OrientedRepPointsHead', _POINT_LOSSES, dict(pos_iou_thr=0.1)),
    'sasm': ('SAMRepPointsHead', ('BCConvexGIoULoss', _POINT_LOSSES[1]), dict(type='SASAssigner')),
    'kld': ('KLDRepPointsHead', ('KLDRepPointsLoss',) * 2, dict(type='ATSSKldAssigner')),
}


def reppoints(version: str, method: str = 'plain') -> dict:
    """RepPoints: ``'plain'``, ``'cfa'``, ``'oriented'``, ``'sasm'`` or ``'kld'``."""
    head, (init, refine), assigner = _POINT_HEADS[method]
    by_overlap = dict(type='MaxConvexIoUAssigner', neg_iou_thr=0.1, min_pos_iou=0, ignore_iof_thr=-1)
    assigner = dict(assigner, topk=9) if 'type' in assigner else dict(by_overlap, **assigner)
    return dict(
        type='RotatedRepPoints',
        backbone=dict(_BACKBONE),
        neck=dict(_NECK, add_extra_convs='on_input', start_level=1),
        bbox_head=dict(
            type=head,
            num_classes=3,
            in_channels=16,
            feat_channels=16,
            point_feat_channels=16,
            stacked_convs=1,
            gradient_mul=0.3,
            point_base_scale=2,
            norm_cfg=dict(type='GN', num_groups=4, requires_grad=True),
            version=version,
            loss_cls=dict(type='FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25),
            loss_bbox_init=dict(type=init, loss_weight=0.375),
            loss_bbox_refine=dict(type=refine, loss_weight=1.0),
            **(dict(use_reassign=True) if method == 'cfa' else {}),
        ),
        train_cfg=dict(
            init=dict(assigner=dict(type='ConvexAssigner', scale=4, pos_num=1), allowed_border=-1, pos_weight=-1),
            refine=dict(assigner=assigner, allowed_border=-1, pos_weight=-1),
        ),
        test_cfg=dict(nms_pre=200, min_bbox_size=0, score_thr=0.005, nms=dict(iou_thr=0.4), max_per_img=200),
    )


def _horizontal_rpn(version: str) -> dict:
    return dict(_oriented_rpn(version), type='RotatedRPNHead', bbox_coder=dict(type='DeltaXYWHBBoxCoder'))


def rotated_faster_rcnn(version: str) -> dict:
    """Rotated Faster R-CNN: horizontal proposals."""
    cfg = oriented_rcnn(version)
    head, train = cfg['roi_head'], cfg['train_cfg']['rcnn']
    head.update(type='RotatedStandardRoIHead', version=version)
    head['bbox_roi_extractor'].update(
        type='SingleRoIExtractor', roi_layer=dict(type='RoIAlign', output_size=7, sampling_ratio=0)
    )
    head['bbox_head']['bbox_coder'] = dict(
        type='DeltaXYWHAHBBoxCoder',
        angle_range=version,
        norm_factor=2,
        edge_swap=True,
        target_stds=(0.1, 0.1, 0.2, 0.2, 0.1),
    )
    train['assigner'].pop('iou_calculator')
    train['sampler']['type'] = 'RandomSampler'
    return dict(cfg, type='RotatedFasterRCNN', rpn_head=_horizontal_rpn(version))


def roi_trans(version: str, kfiou: bool = False) -> dict:
    """RoI Transformer: the stages of Rotated Faster R-CNN and of Oriented R-CNN in a row."""
    cfg, second = rotated_faster_rcnn(version), oriented_rcnn(version)
    heads = [cfg['roi_head'], second['roi_head']]
    second['roi_head']['bbox_head']['reg_class_agnostic'] = False
    if kfiou:
        second['roi_head']['bbox_head'].update(
            type='RotatedKFIoUShared2FCBBoxHead', loss_bbox=dict(type='KFLoss', fun='ln')
        )
    cfg['roi_head'] = dict(
        type='RoITransRoIHead',
        version=version,
        num_stages=2,
        stage_loss_weights=[1, 0.5],
        bbox_roi_extractor=[head['bbox_roi_extractor'] for head in heads],
        bbox_head=[head['bbox_head'] for head in heads],
    )
    cfg['train_cfg']['rcnn'] = [cfg['train_cfg']['rcnn'], second['train_cfg']['rcnn']]
    return dict(cfg, type='RoITransformer')


def gliding_vertex(version: str) -> dict:
    """Gliding Vertex."""
    cfg = rotated_faster_rcnn(version)
    cfg['roi_head']['type'] = 'GVRatioRoIHead'
    cfg['roi_head']['bbox_head'].update(
        type='GVBBoxHead',
        version=version,
        num_shared_fcs=2,
        bbox_coder=dict(type='DeltaXYWHBBoxCoder', target_stds=(0.1, 0.1, 0.2, 0.2)),
        fix_coder=dict(type='GVFixCoder', angle_range=version),
        ratio_coder=dict(type='GVRatioCoder', angle_range=version),
    )
    return dict(cfg, type='GlidingVertex')


def redet(version: str) -> dict:
    """ReDet: RoI Transformer on features that turn with the image."""
    cfg = roi_trans(version)
    cfg['roi_head']['bbox_roi_extractor'][1]['roi_layer'] = dict(
        type='RiRoIAlignRotated', out_size=7, num_samples=2, num_orientations=8, clockwise=True
    )
    channels = cfg['neck']['in_channels'] = [32, 64, 128, 256]
    return dict(
        cfg,
        type='ReDet',
        backbone=dict(type='ReResNet', depth=18, base_channels=32, out_indices=(0, 1, 2, 3), norm_eval=True),
        neck=dict(cfg['neck'], type='ReFPN', in_channels=channels),
    )
