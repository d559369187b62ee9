"""Rotated boxes: forms, overlaps, coders, assigners, samplers."""

from . import angle
from .angle import norm_angle
from .assigners import AssignResult, MaxIoUAssigner
from .builder import (
    ROTATED_BBOX_ASSIGNERS,
    ROTATED_BBOX_CODERS,
    ROTATED_BBOX_SAMPLERS,
    ROTATED_IOU_CALCULATORS,
    build_assigner,
    build_bbox_coder,
    build_iou_calculator,
    build_sampler,
)
from .coders import (
    DeltaXYWHAHBBoxCoder,
    DeltaXYWHAOBBoxCoder,
    DeltaXYWHBBoxCoder,
    MidpointOffsetCoder,
)
from .gaussian import gt2gaussian, xy_stddev_pearson_2_xy_sigma, xy_wh_r_2_xy_sigma
from .gaussian_mixture import GaussianMixture, gaussian2bbox
from .overlaps import BboxOverlaps2D, RBboxOverlaps2D, bbox_overlaps, rbbox_overlaps
from .samplers import PseudoSampler, RandomSampler, RRandomSampler, SamplingResult
from .transforms import (
    bbox_flip,
    bbox_mapping_back,
    get_best_begin_point,
    hbb2obb,
    obb2hbb,
    obb2poly,
    obb2poly_np,
    obb2xyxy,
    poly2obb,
    poly2obb_np,
    polys2obb_np,
    rbbox2result,
    rbbox2roi,
)

__all__ = [
    'ROTATED_BBOX_ASSIGNERS',
    'ROTATED_BBOX_CODERS',
    'ROTATED_BBOX_SAMPLERS',
    'ROTATED_IOU_CALCULATORS',
    'AssignResult',
    'BboxOverlaps2D',
    'DeltaXYWHAHBBoxCoder',
    'DeltaXYWHAOBBoxCoder',
    'DeltaXYWHBBoxCoder',
    'GaussianMixture',
    'MaxIoUAssigner',
    'MidpointOffsetCoder',
    'PseudoSampler',
    'RBboxOverlaps2D',
    'RRandomSampler',
    'RandomSampler',
    'SamplingResult',
    'angle',
    'bbox_flip',
    'bbox_mapping_back',
    'bbox_overlaps',
    'build_assigner',
    'build_bbox_coder',
    'build_iou_calculator',
    'build_sampler',
    'gaussian2bbox',
    'get_best_begin_point',
    'gt2gaussian',
    'hbb2obb',
    'norm_angle',
    'obb2hbb',
    'obb2poly',
    'obb2poly_np',
    'obb2xyxy',
    'poly2obb',
    'poly2obb_np',
    'polys2obb_np',
    'rbbox2result',
    'rbbox2roi',
    'rbbox_overlaps',
    'xy_stddev_pearson_2_xy_sigma',
    'xy_wh_r_2_xy_sigma',
]
