"""Coders by the points where a rotated box touches its circumscribed horizontal box."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mmrotate.registry import TASK_UTILS

from ..angle import angle_version
from ..transforms import obb2poly, obb2xyxy, poly2obb
from .delta import DeltaCoder, Parts, same_count, xyxy_to_cxcywh

# corners within this many pixels of a side of the circumscribed box lie on it
_TOUCH = 0.1
# a box of which a side rises by less than this in pixels is horizontal
_LEVEL = 1e-2
# smaller sides of horizontal boxes, and half diagonals of rotated ones, count as this, in pixels
_TINY = 1e-6


@TASK_UTILS.register_module()
class MidpointOffsetCoder(DeltaCoder):
    """Midpoint offsets (Xie et al., Oriented R-CNN, ICCV 2021, section 3.1) from horizontal priors (n, 4).

    Four deltas give the circumscribed box (x, y, w, h) of a rotated box, two more the offsets of
    its topmost and rightmost corners from the middle of the top and right side, in units of w, h.
    Decoded boxes are never clipped: a clipped rotated box is no rotated box.

    Args:
        target_means: See :class:`DeltaCoder`.
        target_stds: Likewise.
        angle_range: Angle version of the boxes.
    """

    encode_size = 6

    def __init__(
        self,
        target_means: Sequence[float] | None = None,
        target_stds: Sequence[float] | None = None,
        angle_range: str = 'oc',
    ) -> None:
        super().__init__(target_means, target_stds)
        angle_version(angle_range)
        self.version = angle_range

    def _target(self, prior: Parts, gt_bboxes: Tensor) -> Parts:
        x, y, w, h = xyxy_to_cxcywh(obb2xyxy(gt_bboxes, self.version))
        xs, ys = obb2poly(gt_bboxes, self.version).view(-1, 4, 2).unbind(-1)
        # an edge may lie on the side: then the corner further right, or further down, counts
        on_top = ys - ys.amin(-1, keepdim=True) <= _TOUCH
        on_right = xs.amax(-1, keepdim=True) - xs <= _TOUCH
        far = torch.finfo(xs.dtype).min
        top = xs.masked_fill(~on_top, far).amax(-1)
        right = ys.masked_fill(~on_right, far).amax(-1)
        return x, y, w, h, (top - x) / w, (right - y) / h

    def _boxes(self, prior: Parts, parts: Parts, max_shape: Sequence[int] | None) -> Tensor:
        dx, dy, w, h, da, db = parts
        x, y = prior[0] + dx, prior[1] + dy
        left, right, top, bottom = x - w / 2, x + w / 2, y - h / 2, y + h / 2
        across, along = da.clamp(-0.5, 0.5) * w, db.clamp(-0.5, 0.5) * h
        # parallelogram of the touching points: top, right, bottom, left; (n, k, 4, 2)
        touching = torch.stack([x + across, top, right, y + along, x - across, bottom, left, y - along], -1)
        polys = _rectify(touching.unflatten(-1, (4, 2)), torch.stack([x, y], -1)[..., None, :])
        return poly2obb(polys.reshape(-1, 8), self.version).view(*x.shape, 5)


def _rectify(corners: Tensor, centre: Tensor) -> Tensor:
    """Stretch a parallelogram's shorter diagonal to the longer one's length: a rectangle."""
    offset = corners - centre
    # a diagonal of no length has no direction to stretch, and the square root of 0 no gradient
    length = offset.square().sum(-1, keepdim=True).clamp(min=_TINY**2).sqrt()
    return offset * (length.amax(-2, keepdim=True) / length) + centre


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
        """Boxes (n, k * 5) of horizontal boxes (n, k * 4), as corners, and deltas (n, k * 4); or (b, n, ...) each."""
        if hbboxes.dim() == 3:
            return torch.stack([self.decode(*pair) for pair in zip(hbboxes, fix_deltas, strict=True)])
        same_count(hbboxes, fix_deltas)
        count = hbboxes.size(1) // 4
        x1, y1, x2, y2 = hbboxes.float().reshape(-1, 4).unbind(1)
        top, right, bottom, left = fix_deltas.float().reshape(-1, 4).unbind(1)
        w, h = x2 - x1, y2 - y1
        corners = [x1 + w * top, y1, x2, y1 + h * right, x2 - w * bottom, y2, x1, y2 - h * left]
        return poly2obb(torch.stack(corners, 1), self.version).reshape(-1, count * 5)


@TASK_UTILS.register_module()
class GVRatioCoder(GVFixCoder):
    """Share of a horizontal box that its rotated box fills (Gliding Vertex, section 3.1)."""

    def encode(self, rbboxes: Tensor) -> Tensor:
        """Ratios (n, 1) in (0, 1] of boxes (n, 5)."""
        rbboxes = rbboxes.float()
        _, _, w, h = xyxy_to_cxcywh(obb2xyxy(rbboxes, self.version))
        return (rbboxes[:, 2] * rbboxes[:, 3] / (w * h).clamp(min=_TINY))[:, None]

    def decode(self, bboxes: Tensor, bboxes_pred: Tensor) -> Tensor:
        """Raise NotImplementedError: a ratio alone is no box."""
        raise NotImplementedError('GVRatioCoder only encodes: boxes are decoded by GVFixCoder')
