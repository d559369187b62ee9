"""Rotated boxes: forms, overlaps, coders, assigners, samplers."""

from . import angle
from .angle import norm_angle
from .assigners import (
    AssignResult,
    ATSSKldAssigner,
    ATSSObbAssigner,
    ConvexAssigner,
    ConvexOverlaps,
    MaxConvexIoUAssigner,
    MaxIoUAssigner,
    SASAssigner,
)
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
    CSLCoder,
    DeltaXYWHAHBBoxCoder,
    DeltaXYWHAOBBoxCoder,
    DeltaXYWHBBoxCoder,
    DistanceAnglePointCoder,
    DistancePointBBoxCoder,
    GVFixCoder,
    GVRatioCoder,
    MidpointOffsetCoder,
)
from .gaussian import gt2gaussian, xy_stddev_pearson_2_xy_sigma, xy_wh_r_2_xy_sigma
from .gaussian_mixture import GaussianMixture, gaussian2bbox
from .overlaps import BboxOverlaps2D, RBboxOverlaps2D, bbox_overlaps, rbbox_overlaps
from .samplers import OHEMSampler, PseudoSampler, RandomSampler, RRandomSampler, SamplingResult
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
