"""Rotated boxes: forms, overlaps, coders, assigners, samplers."""

from typing import TYPE_CHECKING

from mmrotate.utils.lazy import lazily

if TYPE_CHECKING:
    from mmrotate.registry import ROTATED_BBOX_ASSIGNERS, ROTATED_BBOX_CODERS, ROTATED_BBOX_SAMPLERS

    from . import angle
    from .angle import norm_angle
    from .assigners.atss_assigner import ATSSKldAssigner, ATSSObbAssigner, SASAssigner
    from .assigners.convex_assigner import ConvexAssigner
    from .assigners.dynamic_assigner import DynamicSoftLabelAssigner, SimOTAAssigner
    from .assigners.hungarian_assigner import DNGroupHungarianAssigner, HungarianAssigner
    from .assigners.max_iou_assigner import AssignResult, MaxConvexIoUAssigner, MaxIoUAssigner
    from .balanced_samplers import CombinedSampler, InstanceBalancedPosSampler, IoUBalancedNegSampler, ScoreHLRSampler
    from .builder import (
        ROTATED_IOU_CALCULATORS,
        batch_method,
        build_assigner,
        build_bbox_coder,
        build_iou_calculator,
        build_sampler,
    )
    from .coders.csl import CSLCoder
    from .coders.delta import DeltaXYWHAHBBoxCoder, DeltaXYWHAOBBoxCoder, DeltaXYWHBBoxCoder
    from .coders.distance_point import CenterSizeAnglePointCoder, DistanceAnglePointCoder, DistancePointBBoxCoder
    from .coders.gaucho import GauChoDeltaCoder, GauChoPointCoder
    from .coders.phase import ACMCoder, PSCCoder, PseudoAngleCoder, code_size
    from .coders.touching import GVFixCoder, GVRatioCoder, MidpointOffsetCoder
    from .gaussian import gt2gaussian, xy_stddev_pearson_2_xy_sigma, xy_wh_r_2_xy_sigma
    from .gaussian_mixture import GaussianMixture, gaussian2bbox
    from .overlaps import (
        BboxOverlaps2D,
        ConvexOverlaps,
        ProbIoUOverlaps2D,
        RBboxOverlaps2D,
        bbox_overlaps,
        probiou_overlaps,
        rbbox_overlaps,
    )
    from .samplers import OHEMSampler, PseudoSampler, RandomSampler, RRandomSampler, SamplingResult
    from .transforms import (
        along_sides,
        bbox2roi,
        bbox_flip,
        bbox_mapping_back,
        cal_line_length,
        get_best_begin_point,
        get_best_begin_point_single,
        hbb2obb,
        heading_gap,
        in_version,
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

lazily(__name__)
