"""Losses of the overlap of point sets with polygons."""

import torch
from torch import Tensor
from torch.nn import functional as F

from mmrotate.ops import convex_giou
from mmrotate.registry import MODELS

from .weighting import BoxLoss


@MODELS.register_module()
class ConvexGIoULoss(BoxLoss):
    """1 - generalized overlap of nine points' convex hull with a quadrilateral.

    Args:
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: Factor of the result.
    """

    box_dim = 18

    def compute(self, pred: Tensor, target: Tensor, **boxes: Tensor) -> Tensor:
        """Points (n, 18) and corners (n, 8), both as x, y, ... -> (n,) in [0, 2]."""
        return 1 - convex_giou(pred, target)


@MODELS.register_module()
class BCConvexGIoULoss(ConvexGIoULoss):
    """The same, and smooth L1 of extreme points and centres, the more the squarer (SASM, 2022).

    The overlap of a square hardly tells its direction, so for an aspect ratio r the overlap has
    weight ``1 - 2 exp(-r / 4)`` and the rest ``exp(-r / 4)``. The arguments are the same.
    """

    def compute(self, pred: Tensor, target: Tensor, **boxes: Tensor) -> Tensor:
        """Points (n, 18) and corners (n, 8), both as x, y, ... -> (n,)."""
        points, corners = (b.unflatten(-1, (-1, 2)) for b in (pred, target))
        centres = F.smooth_l1_loss(points.mean(1), corners.mean(1), reduction='none')
        extremes = F.smooth_l1_loss(_extremes(points), _extremes(corners), reduction='none')
        edges = corners[:, 1:3] - corners[:, :2]
        sides = edges.square().sum(-1).clamp(min=torch.finfo(edges.dtype).tiny).sqrt()
        share = (-sides.amax(-1) / sides.amin(-1) / 4).exp()
        rest = centres.sum(1) + extremes.flatten(1).sum(1)
        return share * rest + 1 - (1 - 2 * share) * convex_giou(pred, target)


def _extremes(points: Tensor) -> Tensor:
    """The points (n, 4, 2) of smallest x, smallest y, largest x and largest y of (n, k, 2)."""
    low, high = points.argmin(1), points.argmax(1)  # (n, 2): of x, of y
    return points.gather(1, torch.cat([low, high], 1)[..., None].expand(-1, -1, 2))
