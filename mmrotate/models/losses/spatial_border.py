"""Loss of points that lie outside of their object."""

import torch
from torch import Tensor, nn

from mmrotate.registry import MODELS

from .weighting import wide


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
        if avg_factor is None:
            avg_factor = max(len(points), 1)
        edge_x, edge_y = (corners.roll(-1, 1) - corners)[:, None].unbind(-1)
        x, y = (points[:, :, None] - corners[:, None]).unbind(-1)
        side = edge_x * y - edge_y * x  # (n, k, 4): of the point, at each edge
        outside = ~((side > 0).all(-1) | (side < 0).all(-1))
        offset = points - (corners[:, :1] + corners[:, 2:3]) / 2
        distance = offset.square().sum(-1).clamp(min=torch.finfo(offset.dtype).tiny).sqrt()
        total = (0.2 * distance * outside).sum() / outside.sum().clamp(min=1)
        return self.loss_weight * total / avg_factor
