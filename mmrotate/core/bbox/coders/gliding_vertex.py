"""Gliding vertices: where a rotated box touches its horizontal box, and how much it fills."""

import torch
from torch import Tensor

from mmrotate.registry import TASK_UTILS

from ..angle import angle_version
from ..transforms import obb2poly, obb2xyxy, poly2obb
from .base import same_count, xyxy_to_cxcywh

# a box of which a side rises by less than this in pixels is horizontal
_LEVEL = 1e-2
# smaller sides of horizontal boxes count as this, in pixels
_TINY = 1e-6


@TASK_UTILS.register_module()
class GVFixCoder:
    """Gliding offsets (Xu et al., Gliding Vertex, TPAMI 2021, section 3.1).

    The top, right, bottom and left corner of a rotated box lie on the four sides of its
    horizontal box; a delta is the share of the side, clockwise, that lies before the corner.

    Args:
        angle_range: Angle version of the boxes.
    """

    def __init__(self, angle_range: str = 'oc') -> None:
        angle_version(angle_range)
        self.version = angle_range

    def encode(self, rbboxes: Tensor) -> Tensor:
        """Deltas (n, 4) in [0, 1] of boxes (n, 5); all 1 for a horizontal box."""
        polys = obb2poly(rbboxes.float(), self.version).unflatten(1, (4, 2))
        low, high = polys.amin(1), polys.amax(1)
        side = (high - low).clamp(min=_TINY)
        # the index of the topmost, leftmost, ... corner
        left, top = polys.argmin(1).unbind(1)
        right, bottom = polys.argmax(1).unbind(1)
        rows = torch.arange(len(polys), device=polys.device)
        before_top = (polys[rows, top] - low)[:, 0] / side[:, 0]
        before_right = (polys[rows, right] - low)[:, 1] / side[:, 1]
        before_bottom = (high - polys[rows, bottom])[:, 0] / side[:, 0]
        before_left = (high - polys[rows, left])[:, 1] / side[:, 1]
        deltas = torch.stack([before_top, before_right, before_bottom, before_left], 1)
        rise = (polys[:, 0] - polys[:, 1]).abs().amin(1, keepdim=True)
        return torch.where(rise < _LEVEL, 1.0, deltas)

    def decode(self, hbboxes: Tensor, fix_deltas: Tensor) -> Tensor:
        """Boxes (n, k * 5) of horizontal boxes (n, k * 4), as corners, and deltas (n, k * 4)."""
        same_count(hbboxes, fix_deltas)
        count = hbboxes.size(1) // 4
        x1, y1, x2, y2 = hbboxes.float().reshape(-1, 4).unbind(1)
        top, right, bottom, left = fix_deltas.float().reshape(-1, 4).unbind(1)
        w, h = x2 - x1, y2 - y1
        corners = [x1 + w * top, y1, x2, y1 + h * right, x2 - w * bottom, y2, x1, y2 - h * left]
        return poly2obb(torch.stack(corners, 1), self.version).reshape(-1, count * 5)


@TASK_UTILS.register_module()
class GVRatioCoder:
    """Share of a horizontal box that its rotated box fills (Gliding Vertex, section 3.1).

    Args:
        angle_range: Angle version of the boxes.
    """

    def __init__(self, angle_range: str = 'oc') -> None:
        angle_version(angle_range)
        self.version = angle_range

    def encode(self, rbboxes: Tensor) -> Tensor:
        """Ratios (n, 1) in (0, 1] of boxes (n, 5)."""
        rbboxes = rbboxes.float()
        _, _, w, h = xyxy_to_cxcywh(obb2xyxy(rbboxes, self.version))
        return (rbboxes[:, 2] * rbboxes[:, 3] / (w * h).clamp(min=_TINY))[:, None]

    def decode(self, bboxes: Tensor, bboxes_pred: Tensor) -> Tensor:
        """A ratio alone is no box.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError('GVRatioCoder only encodes: boxes are decoded by GVFixCoder')
