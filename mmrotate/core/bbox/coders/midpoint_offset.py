"""Six deltas: a horizontal box and where a rotated box touches two of its sides."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mmrotate.registry import TASK_UTILS

from ..angle import angle_version
from ..transforms import obb2poly, obb2xyxy, poly2obb
from .base import WH_RATIO_CLIP, DeltaCoder, centre_and_size_deltas, decode_sides, same_count, xyxy_to_cxcywh

# corners within this many pixels of a side of the circumscribed box lie on it
_TOUCH = 0.1
# squares of shorter half diagonals count as it
_TINY = 1e-12


@TASK_UTILS.register_module()
class MidpointOffsetCoder(DeltaCoder):
    """Midpoint offsets (Xie et al., Oriented R-CNN, ICCV 2021, section 3.1).

    Four deltas give the circumscribed box (x, y, w, h) of a rotated box, two more the offsets of
    its topmost and rightmost corners from the middle of the top and right side, in units of w, h.

    Args:
        target_means: Mean of each delta.
        target_stds: Standard deviation of each delta.
        angle_range: Angle version of the boxes.
    """

    prior_dim = 4

    def __init__(
        self,
        target_means: Sequence[float] = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
        target_stds: Sequence[float] = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
        angle_range: str = 'oc',
    ) -> None:
        super().__init__(target_means, target_stds)
        angle_version(angle_range)
        self.version = angle_range

    def encode(self, bboxes: Tensor, gt_bboxes: Tensor) -> Tensor:
        """Deltas (n, 6) that take horizontal priors (n, 4) to rotated boxes (n, 5)."""
        same_count(bboxes, gt_bboxes)
        gt_bboxes = gt_bboxes.float()
        x, y, w, h = xyxy_to_cxcywh(obb2xyxy(gt_bboxes, self.version))
        deltas = centre_and_size_deltas(xyxy_to_cxcywh(bboxes.float()), (x, y), (w, h))
        polys = obb2poly(gt_bboxes, self.version).view(-1, 4, 2)
        xs, ys = polys.unbind(-1)
        # an edge may lie on the side: then the corner further right, or further down, counts
        on_top = ys - ys.amin(-1, keepdim=True) <= _TOUCH
        on_right = xs.amax(-1, keepdim=True) - xs <= _TOUCH
        far = torch.finfo(xs.dtype).min
        top = xs.masked_fill(~on_top, far).amax(-1)
        right = ys.masked_fill(~on_right, far).amax(-1)
        return self._normalize(torch.stack([*deltas, (top - x) / w, (right - y) / h], -1))

    def decode(
        self,
        bboxes: Tensor,
        pred_bboxes: Tensor,
        max_shape: Sequence[int] | None = None,
        wh_ratio_clip: float = WH_RATIO_CLIP,
    ) -> Tensor:
        """Rotated boxes (n, k * 5) of horizontal priors (n, 4) and deltas (n, k * 6).

        Args:
            bboxes: Priors.
            pred_bboxes: Deltas.
            max_shape: Ignored: a clipped rotated box is no rotated box.
            wh_ratio_clip: Sides change by at most a factor ``1 / wh_ratio_clip``.
        """
        same_count(bboxes, pred_bboxes)
        px, py, pw, ph = (p[:, None] for p in xyxy_to_cxcywh(bboxes.float()))
        dx, dy, dw, dh, da, db = self._denormalize(pred_bboxes.float()).unbind(-1)
        w, h = decode_sides((pw, ph), (dw, dh), wh_ratio_clip)
        x, y = px + pw * dx, py + ph * dy
        xs, ys = (x - w / 2, x + w / 2), (y - h / 2, y + h / 2)
        across, along = da.clamp(-0.5, 0.5) * w, db.clamp(-0.5, 0.5) * h
        # parallelogram of the touching points: top, right, bottom, left; (n, k, 4, 2)
        touching = torch.stack(
            [x + across, ys[0], xs[1], y + along, x - across, ys[1], xs[0], y - along], -1
        ).unflatten(-1, (4, 2))
        polys = _rectify(touching, torch.stack([x, y], -1)[..., None, :])
        boxes = poly2obb(polys.reshape(-1, 8), self.version)
        return boxes.view(len(bboxes), 5 * dx.size(1))


def _rectify(corners: Tensor, centre: Tensor) -> Tensor:
    """Stretch a parallelogram's shorter diagonal to the longer one's length: a rectangle."""
    offset = corners - centre
    # a diagonal of no length has no direction to stretch, and the square root of 0 no gradient
    length = offset.square().sum(-1, keepdim=True).clamp(min=_TINY).sqrt()
    return offset * (length.amax(-2, keepdim=True) / length) + centre
