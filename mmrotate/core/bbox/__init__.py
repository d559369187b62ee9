"""Rotated boxes: forms, overlaps, coders, assigners, samplers."""

from . import angle, assigners, builder, coders, samplers
from .angle import norm_angle
from .assigners import *
from .builder import *
from .coders import *
from .gaussian import gt2gaussian, xy_stddev_pearson_2_xy_sigma, xy_wh_r_2_xy_sigma
from .gaussian_mixture import GaussianMixture, gaussian2bbox
from .overlaps import BboxOverlaps2D, RBboxOverlaps2D, bbox_overlaps, rbbox_overlaps
from .samplers import *
from .transforms import (
    bbox_flip,
    bbox_mapping_back,
    cal_line_length,
    get_best_begin_point,
    get_best_begin_point_single,
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
    'BboxOverlaps2D',
    'GaussianMixture',
    'RBboxOverlaps2D',
    'angle',
    'bbox_flip',
    'bbox_mapping_back',
    'bbox_overlaps',
    'cal_line_length',
    'gaussian2bbox',
    'get_best_begin_point',
    'get_best_begin_point_single',
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
__all__ += assigners.__all__
__all__ += builder.__all__
__all__ += coders.__all__
__all__ += samplers.__all__
