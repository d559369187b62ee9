"""Where the names of MMRotate 0.3 are today.

``PLACES`` says for a module path of 0.3 which modules answer for its names, the first that has one.
A path that is a module today as well has its own names first. ``SPELLED_OTHERWISE`` has the names
that have changed themselves.
"""

_MODEL_PARTS = 'models.detectors models.dense_heads models.roi_heads models.necks models.backbones models.losses'
_EVERY_MODEL = f'{_MODEL_PARTS} ops models.builder compat.enn'
_BBOX, _CORE = 'core.bbox', 'core.bbox core.anchor registry'
_HEADS, _DETECTORS, _LOSSES = 'models.dense_heads', 'models.detectors', 'models.losses'
_ROI = 'models.roi_heads models.roi_heads.bbox_head'


def _under(package: str, names: str, places: str) -> dict[str, str]:
    """The modules ``names`` of a package, with the same places each."""
    return {f'{package}.{name}': places for name in names.split()}


# paths and places without the leading ``mmrotate.``; '' is the package itself
PLACES: dict[str, str] = {
    '': f'core {_CORE} core.patch core.visualization core.post_processing models datasets utils compat.versions',
    'core': f'{_CORE} core.patch compat.standins.parts compat.standins.boxes',
    'apis.inference': 'apis.patches apis.asynchronous apis.show',
    'core.anchor.anchor_generator': 'core.anchor',
    'core.bbox.coder': _BBOX,
    'core.bbox.iou_calculators': _BBOX,
    'core.bbox.transforms': 'compat.transforms core.bbox',
    'core.bbox.utils': _BBOX,
    'core.bbox.utils.gmm': _BBOX,
    'core.visualization': 'compat.drawing',
    'core.visualization.image': 'compat.drawing',
    'core.visualization.palette': 'compat.drawing',
    'datasets': 'datasets.pipelines',
    'datasets.builder': 'registry',
    'datasets.pipelines.transforms': 'datasets.pipelines',
    'datasets.sar': 'datasets.dota',
    'models': _EVERY_MODEL,
    'models.backbones.re_resnet': 'compat.blocks models.backbones.resnet',
    'models.dense_heads.utils': 'compat.points',
    'models.detectors.utils': _DETECTORS,
    'models.dense_heads.oriented_reppoints_head': 'compat.points',
    'models.necks.re_fpn': 'models.necks models.layers',
    'models.roi_heads': _ROI,
    'models.roi_heads.bbox_heads': _ROI,
    'models.roi_heads.roi_extractors': _ROI,
    'models.roi_heads.bbox_heads.bbox_head': 'models.roi_heads.bbox_head',
    'models.roi_heads.standard_roi_head': _ROI,
    'models.roi_heads.base_roi_head': _ROI,
    'models.roi_heads.test_mixins': 'compat.blocks',
    'models.utils': 'ops compat.enn',
    'models.utils.enn': 'compat.enn',
    'models.utils.orconv': 'ops',
    'models.utils.ripool': 'ops',
    **_under('structures', 'bbox', 'compat.box_types'),
    'utils': 'compat.standins.parallel compat.memory compat.configs',
    'utils.compat_config': 'utils.compat',
    'utils.misc': 'utils',
    'utils.setup_env': 'utils',
    'version': 'compat.versions',
    **_under(
        'core.bbox.assigners',
        'atss_kld_assigner atss_obb_assigner max_convex_iou_assigner sas_assigner',
        'core.bbox.assigners compat.points',
    ),
    **_under(
        'core.bbox.coder',
        'angle_coder distance_angle_point_coder gliding_vertex_coder',
        'core.bbox.coders',
    ),
    'core.bbox.coder.delta_midpointoffset_rbbox_coder': 'core.bbox.coders compat.midpoint_deltas core.bbox',
    'core.bbox.coder.delta_xywha_hbbox_coder': 'core.bbox.coders compat.horizontal_deltas core.bbox',
    'core.bbox.coder.delta_xywha_rbbox_coder': 'core.bbox.coders compat.rotated_deltas core.bbox',
    **_under('core.bbox.iou_calculators', 'builder rotate_iou2d_calculator', _BBOX),
    **_under('core.bbox.samplers', 'rotate_random_sampler', 'core.bbox.samplers'),
    **_under('core.evaluation', 'eval_map', 'core.evaluation compat.evaluation'),
    **_under('core.post_processing', 'bbox_nms_rotated', 'core.post_processing'),
    **_under(
        'models.dense_heads',
        'csl_rotated_fcos_head csl_rotated_retina_head kfiou_odm_refine_head kfiou_rotate_retina_head '
        'kfiou_rotate_retina_refine_head odm_refine_head oriented_rpn_head rotated_anchor_free_head '
        'rotated_anchor_head rotated_atss_head rotated_fcos_head rotated_reppoints_head rotated_retina_head '
        'rotated_retina_refine_head rotated_rpn_head sam_reppoints_head',
        _HEADS,
    ),
    **_under(
        'models.detectors',
        'gliding_vertex oriented_rcnn r3det redet roi_transformer rotate_faster_rcnn rotated_fcos '
        'rotated_reppoints rotated_retinanet s2anet',
        _DETECTORS,
    ),
    **_under(
        'models.losses',
        'gaussian_dist_loss kf_iou_loss rotated_iou_loss smooth_focal_loss spatial_border_loss',
        f'{_LOSSES} compat.losses {_BBOX}',
    ),
    'models.losses.utils': 'compat.loss_utils models.losses.weighting',
    'models.losses.gaussian_dist_loss_v1': f'{_LOSSES} compat.losses_v1 {_BBOX}',
    **_under(
        'models.losses', 'convex_giou_loss kld_reppoints_loss', f'{_LOSSES} compat.point_losses compat.points {_BBOX}'
    ),
    **_under(
        'models.roi_heads',
        'gv_ratio_roi_head oriented_standard_roi_head roi_trans_roi_head rotate_standard_roi_head '
        'bbox_heads.convfc_rbbox_head bbox_heads.gv_bbox_head bbox_heads.rotated_bbox_head '
        'roi_extractors.rotate_single_level_roi_extractor',
        _ROI,
    ),
}  # fmt: skip

# name of 0.3, wherever it stood -> place and name of today
SPELLED_OTHERWISE: dict[str, str] = {
    'BBoxHead': 'models.roi_heads.bbox_head:RotatedBBoxHead',
    'StandardRoIHead': 'models.roi_heads:RotatedStandardRoIHead',
    'BaseRoIHead': 'models.roi_heads.base_roi_head:RotatedBaseRoIHead',
    'KFIoURRetinaHead': 'models.dense_heads:RotatedRetinaHead',
    'KFIoURRetinaRefineHead': 'models.dense_heads:RotatedRetinaRefineHead',
    'KFIoUODMRefineHead': 'models.dense_heads:ODMRefineHead',
    'get_device': 'engine:pick_device',
    'RotatedATSSHead': 'models.dense_heads:RotatedRetinaHead',
}

# modules of other libraries, by the names that modules of 0.3 imported them under
LIBRARIES: dict[str, str] = {
    'models.backbones.re_resnet.enn': 'e2cnn.nn',
    'models.necks.re_fpn.enn': 'e2cnn.nn',
    'models.utils.enn.enn': 'e2cnn.nn',
}
