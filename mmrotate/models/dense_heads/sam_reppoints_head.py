"""RepPoints with weights by place (SASM)."""

import math
from typing import Any

import torch
from torch import Tensor

from mmrotate.registry import MODELS

from .base import positional
from .reppoints_head import RotatedRepPointsHead


@MODELS.register_module()
class SAMRepPointsHead(RotatedRepPointsHead):
    """Weighs positives by ``exp(1 / (1 + distance))`` to the centre, and background by e.

    Hou et al., Shape-Adaptive Selection and Measurement (SASM), AAAI 2022; the selection is that of
    SASAssigner. The arguments are those of the base; ``as_published`` also exchanges x and y of the
    place in the second stage, and measures along x and y, not along the sides.
    """

    @positional(
        'num_classes in_channels feat_channels point_feat_channels stacked_convs num_points gradient_mul '
        'point_strides point_base_scale conv_bias loss_cls loss_bbox_init loss_bbox_refine conv_cfg norm_cfg '
        'train_cfg test_cfg center_init transform_method topk anti_factor version init_cfg'
    )
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def get_targets(self, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """As of the base, and last the factors (N, n) of the weights, a list over levels."""
        targets = super().get_targets(*args, **kwargs)
        return *targets, [self._factors(*level) for level in zip(*targets[2:5], strict=True)]

    def _factors(self, polys: Tensor, proposals: Tensor, weights: Tensor) -> Tensor:
        rows = weights > 0
        places = proposals[rows]
        centres = places[:, :2]
        if places.size(1) == 18:  # points of the second stage
            centres = places.unflatten(-1, (9, 2)).mean(1)
            centres = centres.flip(-1) if self.as_published else centres
        factors = torch.full_like(weights, math.e)
        distances = shape_distances(centres, polys[rows], turned=not self.as_published)
        factors[rows] = (1 / (1 + distances)).exp()
        return factors

    def loss_single(  # type: ignore[override]
        self,
        cls_score: Tensor,
        pts_pred_init: Tensor,
        pts_pred_refine: Tensor,
        labels: Tensor,
        label_weights: Tensor,
        rbbox_gt_init: Tensor,
        convex_weights_init: Tensor,
        sam_weights_init: Tensor,
        rbbox_gt_refine: Tensor,
        convex_weights_refine: Tensor,
        sam_weights_refine: Tensor,
        stride: float,
        num_total_samples_refine: float | Tensor,
    ) -> tuple[Tensor, ...]:
        """As of the base, with factors (N, n) of the weights of either stage."""
        init = (rbbox_gt_init, convex_weights_init * sam_weights_init)
        refine = (rbbox_gt_refine, convex_weights_refine * sam_weights_refine)
        points = (pts_pred_init, pts_pred_refine)
        classes = (labels, label_weights * sam_weights_refine)
        return super().loss_single(cls_score, *points, *classes, *init, *refine, stride, num_total_samples_refine)


def shape_distances(centres: Tensor, polys: Tensor, turned: bool = True) -> Tensor:
    """Distances (p,) of points (p, 2) to the centres of rectangles (p, 8), in roots of pixels.

    Along each side they count by the root of its length, so those along the longer one count less. They
    are measured along the sides, or along x and y, as if the rectangles were not ``turned``.
    """
    corners = polys.unflatten(-1, (4, 2))
    sides = corners[:, 1:3] - corners[:, :2]
    length = sides.norm(dim=-1).clamp(min=1e-6)
    gap = centres - corners.mean(1)
    if turned:
        gap = (gap[:, None] * sides).sum(-1) / length
    return (gap.square() / length).sum(1).sqrt()
