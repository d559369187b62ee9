"""What detectors and data share: boxes, anchors, evaluation, post-processing, pictures."""

from typing import TYPE_CHECKING

from mmrotate.utils.lazy import lazily

if TYPE_CHECKING:
    from . import anchor, bbox, evaluation, post_processing, visualization
    from .anchor import anchor_inside_flags, build_prior_generator, rotated_anchor_inside_flags
    from .bbox.angle import norm_angle
    from .bbox.builder import build_assigner, build_bbox_coder, build_iou_calculator, build_sampler
    from .bbox.gaussian import gt2gaussian
    from .bbox.gaussian_mixture import GaussianMixture, gaussian2bbox
    from .bbox.overlaps import rbbox_overlaps
    from .bbox.transforms import (
        bbox2roi,
        bbox_mapping_back,
        hbb2obb,
        obb2hbb,
        obb2poly,
        obb2poly_np,
        obb2xyxy,
        poly2obb,
        poly2obb_np,
        rbbox2result,
        rbbox2roi,
    )
    from .evaluation import eval_rbbox_map
    from .post_processing import aug_multiclass_nms_rotated, multiclass_nms_rotated
    from .visualization import get_palette, imshow_det_rbboxes

lazily(__name__)
