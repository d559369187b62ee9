"""Operations on rotated boxes: C++ on the CPU where it was built, plain PyTorch everywhere.

A box is ``(x, y, w, h, theta)``: centre and sides in pixels, theta in radians, clockwise on the screen.
"""

from typing import TYPE_CHECKING

from mmrotate.utils.lazy import lazily

if TYPE_CHECKING:
    from .active_rotated_filter import ORConv2d, RotationInvariantPooling, active_rotated_filter
    from .backend import backends
    from .box_iou_rotated import box_iou_rotated
    from .chamfer_distance import chamfer_distance
    from .convex_giou import convex_giou
    from .deform_conv2d import (
        DeformConv2d,
        DeformConv2dPack,
        ModulatedDeformConv2d,
        ModulatedDeformConv2dPack,
        deform_conv2d,
        modulated_deform_conv2d,
    )
    from .diff_iou_rotated import diff_iou_rotated_2d
    from .linear_sum_assignment import linear_sum_assignment
    from .match_boxes import match_boxes
    from .min_area_polygons import min_area_polygons
    from .multi_scale_deform_attn import multi_scale_deformable_attn
    from .nms_quadri import nms_quadri
    from .nms_rotated import batched_nms_rotated, nms_rotated, soft_nms_rotated
    from .points_in_polygons import points_in_polygons
    from .polygon import convex_hull
    from .polygon_iou import box_iou_quadri, convex_iou
    from .roi_align_rotated import RiRoIAlignRotated, RoIAlignRotated, riroi_align_rotated, roi_align_rotated
    from .rotated_feature_align import rotated_feature_align
    from .sigmoid_focal_loss import sigmoid_focal_loss
    from .upright import box_iou_upright, nms_upright

lazily(__name__)
