"""Distances from a point to the sides of a box."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mmrotate.registry import TASK_UTILS

from ..angle import angle_version as version_of
from ..angle import norm_angle
from ..transforms import along_sides
from .delta import inside_image, same_count, xyxy_to_cxcywh


@TASK_UTILS.register_module()
class DistanceAnglePointCoder:
    """Distances to the four sides of a rotated box, along its own axes, and its angle.

    The coder of Rotated FCOS (Tian et al., FCOS, ICCV 2019).

    Args:
        clip_border: Clip decoded boxes to the image, of :class:`DistancePointBBoxCoder`: others have no clipped form.
        angle_version: Angle version of the boxes.
    """

    # what a box is told by: 'sides' or 'center'
    of: str = 'sides'

    def __init__(self, clip_border: bool = True, angle_version: str = 'oc') -> None:
        version_of(angle_version)
        self.clip_border, self.angle_version = clip_border, angle_version

    def encode(self, points: Tensor, gt_bboxes: Tensor, max_dis: float | None = None, eps: float = 0.1) -> Tensor:
        """Distances left, top, right, bottom and angle (n, 5).

        Args:
            points: (n, 2) as x, y in pixels; more columns are ignored.
            gt_bboxes: (n, 5).
            max_dis: Distances are kept in [0, max_dis - eps]; None for any.
            eps: In pixels.
        """
        same_count(points, gt_bboxes)
        boxes = gt_bboxes.float()
        along, across = along_sides(points.float(), boxes)
        _, _, w, h, theta = boxes.unbind(-1)
        sides = torch.stack([w / 2 + along, h / 2 + across, w / 2 - along, h / 2 - across], -1)
        if max_dis is not None:
            sides = sides.clamp(0, max_dis - eps)
        return torch.cat([sides, theta[:, None]], -1)

    def decode(self, points: Tensor, pred_bboxes: Tensor, max_shape: Sequence[int] | None = None) -> Tensor:
        """Boxes (n, 5) of points (n, 2) and distances with angle (n, 5), whatever ``max_shape``."""
        same_count(points, pred_bboxes)
        left, top, right, bottom, theta = pred_bboxes.float().unbind(-1)
        along, across = (right - left) / 2, (bottom - top) / 2
        cos, sin = theta.cos(), theta.sin()
        x = points[..., 0].float() + cos * along - sin * across
        y = points[..., 1].float() + sin * along + cos * across
        theta = norm_angle(theta, self.angle_version)
        return torch.stack([x, y, left + right, top + bottom, theta], -1)


@TASK_UTILS.register_module()
class CenterSizeAnglePointCoder(DistanceAnglePointCoder):
    """Where the centre of a box is from the point, its sides and its angle (Ge et al., YOLOX, 2021)."""

    of = 'center'

    def encode(self, points: Tensor, gt_bboxes: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """The centre, seen from the point, width, height and angle (n, 5), whatever else is given."""
        same_count(points, gt_bboxes)
        boxes = gt_bboxes.float()
        return torch.cat([boxes[:, :2] - points[:, :2].float(), boxes[:, 2:]], 1)

    def decode(self, points: Tensor, pred_bboxes: Tensor, max_shape: Sequence[int] | None = None) -> Tensor:
        """Boxes (n, 5) of points (n, 2) and what :meth:`encode` gives (n, 5), whatever ``max_shape``."""
        same_count(points, pred_bboxes)
        pred = pred_bboxes.float()
        theta = norm_angle(pred[..., 4:], self.angle_version)
        return torch.cat([points[..., :2].float() + pred[..., :2], pred[..., 2:4], theta], -1)


@TASK_UTILS.register_module()
class DistancePointBBoxCoder(DistanceAnglePointCoder):
    """The same of horizontal boxes (n, 4), as corners: distances left, top, right, bottom (n, 4)."""

    def encode(self, points: Tensor, gt_bboxes: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Distances (n, 4); see :class:`DistanceAnglePointCoder`."""
        x, y, w, h = xyxy_to_cxcywh(gt_bboxes.float())
        upright = torch.stack([x, y, w, h, torch.zeros_like(x)], -1)
        return super().encode(points, upright, *args, **kwargs)[:, :4]

    def decode(self, points: Tensor, pred_bboxes: Tensor, max_shape: Sequence[int] | None = None) -> Tensor:
        """Boxes (n, 4), clipped to ``max_shape``, height and width of the image, for ``clip_border``."""
        same_count(points, pred_bboxes)
        xy, pred = points[..., :2].float(), pred_bboxes.float()
        boxes = torch.cat([xy - pred[..., :2], xy + pred[..., 2:]], -1)
        return inside_image(boxes, max_shape if self.clip_border else None)
