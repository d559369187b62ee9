"""Oriented RepPoints: positives chosen by the quality of their points."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mmrotate.models.builder import build_loss
from mmrotate.ops import chamfer_distance, min_area_polygons
from mmrotate.registry import MODELS

from .reppoints_head import RotatedRepPointsHead
from .reppoints_targets import PointBatch, PointTargets, Rows, rank_in_group

# points on each side of a rectangle that orientations are compared by, and what a pixel counts
_SIDE_POINTS = 10
_PIXEL = 0.05


@MODELS.register_module()
class OrientedRepPointsHead(RotatedRepPointsHead):
    """Learns from the positives of best quality, and keeps the points inside of their objects.

    Li et al., Oriented RepPoints for Aerial Object Detection, CVPR 2022.

    Args:
        loss_spatial_init: Of points outside, first stage.
        loss_spatial_refine: Likewise, second stage.
        top_ratio: Share of an object's positives that is kept.
        init_qua_weight: Share of the first stage in the quality.
        ori_qua_weight: Weight of the orientation in the quality.
        poc_qua_weight: Weight of how alike the features at the points are.
        **kwargs: See :class:`RotatedRepPointsHead`.
    """

    point_losses = dict(RotatedRepPointsHead.point_losses, loss_spatial='loss_spatial')

    def __init__(
        self,
        *args: Any,
        loss_spatial_init: dict | None = None,
        loss_spatial_refine: dict | None = None,
        top_ratio: float = 0.4,
        init_qua_weight: float = 0.2,
        ori_qua_weight: float = 0.3,
        poc_qua_weight: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        spatial = dict(type='SpatialBorderLoss')
        self.loss_spatial_init = build_loss(loss_spatial_init or dict(spatial, loss_weight=0.05))
        self.loss_spatial_refine = build_loss(loss_spatial_refine or dict(spatial, loss_weight=0.1))
        self.top_ratio, self.use_reassign = top_ratio, True
        self.init_qua_weight, self.ori_qua_weight, self.poc_qua_weight = init_qua_weight, ori_qua_weight, poc_qua_weight

    def forward_single(self, x: Tensor) -> tuple[Tensor, ...]:
        """As of the base, and the map itself."""
        return (*super().forward_single(x), x)

    def _cost(self, batch: PointBatch, targets: PointTargets, rows: Rows, *extra: Any) -> Tensor:
        """The smaller, the better: class, place and orientation, and how alike the features are."""
        cost = self._cls_loss_at(batch, targets, rows)
        sides = _side_points(targets.polys[rows])
        for points, share in ((batch.init, self.init_qua_weight), (batch.refine, 1 - self.init_qua_weight)):
            found = _side_points(min_area_polygons(points[rows]))
            near = torch.cat(chamfer_distance(sides, found)[:2], 1).clamp(min=1e-12).sqrt()
            turned = self.ori_qua_weight * _PIXEL * near.mean(1)
            cost = cost + share * (self._loss_at(points, targets, rows) + turned)
        return cost + self.poc_qua_weight * self._unlikeness(batch, rows, extra[0])

    def _unlikeness(self, batch: PointBatch, rows: Rows, maps: list[Tensor]) -> Tensor:
        """Largest cosine distance (p,) of the features at a position's points to their mean."""
        out = batch.scores.new_zeros(len(rows[0]))
        for i, (x, stride) in enumerate(zip(maps, self.point_strides, strict=True)):
            for k in range(len(x)):
                here = (rows[0] == k) & (batch.level[rows[1]] == i)
                points = batch.refine[k, rows[1][here]].unflatten(-1, (9, 2))
                size = points.new_tensor([x.size(3), x.size(2)]) * stride
                place = points / (size / 2) - 1
                feats = F.grid_sample(x[k, None].float(), place[None], align_corners=False)[0]
                mean = feats.mean(2, keepdim=True)
                out[here] = 1 - F.cosine_similarity(feats, mean, 0, 1e-6).amin(1)
        return out

    def _keep(self, batch: PointBatch, targets: PointTargets, rows: Rows, cost: Tensor) -> tuple[Tensor, Tensor | None]:
        rank, size = rank_in_group(cost, targets.owners[rows])
        return rank < (size * self.top_ratio).ceil(), None


def _side_points(polys: Tensor) -> Tensor:
    """Points (n, 40, 2) on the sides of polygons (n, 8)."""
    corners = polys.unflatten(-1, (4, 2))[:, :, None]
    t = torch.linspace(0, 1, _SIDE_POINTS, device=polys.device)[:, None]
    return (corners * (1 - t) + corners.roll(-1, 1) * t).flatten(1, 2)
