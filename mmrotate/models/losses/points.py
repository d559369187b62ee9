"""Losses of point sets against quadrilaterals."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmrotate.core.bbox.overlaps import within
from mmrotate.ops import convex_giou
from mmrotate.registry import MODELS

from .weighting import BoxLoss, wide


@MODELS.register_module()
class ConvexGIoULoss(BoxLoss):
    """1 - generalized overlap of nine points' convex hull with a quadrilateral."""

    box_dim = 18

    def compute(self, pred: Tensor, target: Tensor, **boxes: Tensor) -> Tensor:
        """Points (n, 18) and corners (n, 8), both as x, y, ... -> (n,) in [0, 2]."""
        return 1 - convex_giou(pred, target)


@MODELS.register_module()
class BCConvexGIoULoss(ConvexGIoULoss):
    """The same, and smooth L1 of extreme points and centres, the more the squarer (SASM, 2022).

    The overlap of a square hardly tells its direction, so for an aspect ratio r the overlap has weight
    ``1 - 2 exp(-r / 4)`` and the rest ``exp(-r / 4)``.

    Args:
        reduction: See :class:`WeightedLoss`.
        loss_weight: Likewise.
        as_published: As the published models were trained: the rest is one mean over all rows, and the gradient that
            of ``1 - overlap`` alone, whatever the aspect ratio. False does as the paper says.
    """

    def __init__(self, reduction: str = 'mean', loss_weight: float = 1.0, *, as_published: bool = True) -> None:
        super().__init__(reduction, loss_weight)
        self.as_published = as_published

    def compute(self, pred: Tensor, target: Tensor, **boxes: Tensor) -> Tensor:
        """Points (n, 18) and corners (n, 8), both as x, y, ... -> (n,)."""
        points, corners = (b.unflatten(-1, (-1, 2)) for b in (pred, target))
        centres = F.smooth_l1_loss(points.mean(1), corners.mean(1), reduction='none')
        extremes = F.smooth_l1_loss(_extremes(points), _extremes(corners), reduction='none')
        edges = corners[:, 1:3] - corners[:, :2]
        sides = edges.square().sum(-1).clamp(min=torch.finfo(edges.dtype).tiny).sqrt()
        share = (-sides.amax(-1) / sides.amin(-1) / 4).exp()
        rest = centres.sum(1) + extremes.flatten(1).sum(1)
        overlap = convex_giou(pred, target)
        if not self.as_published:
            return share * rest + 1 - (1 - 2 * share) * overlap
        value = share * rest.mean() + 1 - (1 - 2 * share) * overlap
        return value.detach() + overlap.detach() - overlap


def _extremes(points: Tensor) -> Tensor:
    """The points (n, 4, 2) of smallest x, smallest y, largest x and largest y of (n, k, 2)."""
    low, high = points.argmin(1), points.argmax(1)  # (n, 2): of x, of y
    return points.gather(1, torch.cat([low, high], 1)[..., None].expand(-1, -1, 2))


@MODELS.register_module()
class SpatialBorderLoss(nn.Module):
    """Distance of the points outside of their rectangles to the centres (Li et al., CVPR 2022).

    Args:
        loss_weight: Factor of the result.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, pts: Tensor, gt_bboxes: Tensor, weight: Tensor, avg_factor: float | None = None) -> Tensor:
        """A fifth of the mean distance over the points outside, over ``avg_factor``.

        Args:
            pts: Points (n, 2 k) as x, y, ...
            gt_bboxes: Corners (n, 8) of convex quadrilaterals, one for each row of points.
            weight: (n,); rows of weight 0 do not count.
            avg_factor: Divisor; None is the number of rows that count.
        """
        rows = weight > 0
        points = wide(pts[rows]).unflatten(-1, (-1, 2))
        corners = gt_bboxes[rows].to(points).unflatten(-1, (4, 2))
        outside = ~within(points, corners[:, None])
        offset = points - (corners[:, :1] + corners[:, 2:3]) / 2
        distance = offset.square().sum(-1).clamp(min=torch.finfo(offset.dtype).tiny).sqrt()
        total = (0.2 * distance * outside).sum() / outside.sum().clamp(min=1)
        return self.loss_weight * total / (max(len(points), 1) if avg_factor is None else avg_factor)
