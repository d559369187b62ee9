"""IoU calculators: how much priors and objects overlap."""

import torch
from torch import Tensor

from mmrotate.ops import box_iou_rotated, box_iou_upright, convex_iou
from mmrotate.registry import TASK_UTILS
from mmrotate.utils.errors import ArgumentError

from . import gaussian

# shorter sides make IoUs that are noise
_MIN_SIDE = 1e-3
_PAIRS = 2_000_000  # of boxes, whose overlaps are in memory at once


def _checked(bboxes1: Tensor, bboxes2: Tensor, mode: str, is_aligned: bool) -> None:
    if mode not in ('iou', 'iof', 'giou'):
        raise ArgumentError(f"mode must be 'iou', 'iof' or 'giou', got {mode!r}")
    if is_aligned and len(bboxes1) != len(bboxes2):
        raise ArgumentError(f'aligned boxes must be of one count, got {len(bboxes1)} and {len(bboxes2)}')


def rbbox_overlaps(bboxes1: Tensor, bboxes2: Tensor, mode: str = 'iou', is_aligned: bool = False) -> Tensor:
    """Overlaps of rotated boxes (n, 5) and (m, 5), which may carry a score in a sixth column.

    Args:
        bboxes1: x, y, w, h in pixels, theta in radians; sides are at least 1e-3.
        bboxes2: Likewise.
        mode: ``'iou'``, ``'iof'``: intersection over the area of ``bboxes1``, or ``'giou'``: generalized IoU
            (Rezatofighi et al., CVPR 2019), of rotated boxes with the convex hull of both.
        is_aligned: Compare pairs only.

    Returns:
        (n, m), or (n,) for aligned boxes, in [0, 1]; giou in [-1, 1].
    """
    _checked(bboxes1, bboxes2, mode, is_aligned)
    return box_iou_rotated(_sized(bboxes1), _sized(bboxes2), mode=mode, aligned=is_aligned)


def _sized(boxes: Tensor) -> Tensor:
    """Boxes (n, 5) in float32, with the smallest sides that count."""
    boxes = boxes.detach()[:, :5].float()
    return torch.cat([boxes[:, :2], boxes[:, 2:4].clamp(min=_MIN_SIDE), boxes[:, 4:]], 1)


def bbox_overlaps(bboxes1: Tensor, bboxes2: Tensor, mode: str = 'iou', is_aligned: bool = False) -> Tensor:
    """Overlaps of horizontal boxes (n, 4) and (m, 4), as :func:`rbbox_overlaps`."""
    _checked(bboxes1, bboxes2, mode, is_aligned)
    dtype = torch.promote_types(bboxes1.dtype, torch.float32)
    a, b = bboxes1[:, :4].to(dtype), bboxes2[:, :4].to(dtype)
    if not is_aligned:
        if mode == 'iou' and not (a.requires_grad or b.requires_grad):
            return box_iou_upright(a, b)
        a, b = a[:, None], b[None]
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    overlap = (high - low).clamp(min=0).prod(-1)
    area = (a[..., 2:] - a[..., :2]).prod(-1)
    eps = torch.finfo(area.dtype).eps
    if mode != 'iof':
        area = area + (b[..., 2:] - b[..., :2]).prod(-1) - overlap
    value = overlap / area.clamp(min=eps)
    if mode != 'giou':
        return value
    hull = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).prod(-1)
    return value - (hull - area) / hull.clamp(min=eps)


def probiou_overlaps(bboxes1: Tensor, bboxes2: Tensor, mode: str = 'iou', is_aligned: bool = False) -> Tensor:
    """ProbIoU of boxes as normal distributions (Llerena et al., 2021), as :func:`rbbox_overlaps` with mode ``'iou'``.

    It is 1 minus the Hellinger distance: above 0 also for boxes that are apart, and no function of the angle for
    squares.
    """
    if mode != 'iou':
        raise ArgumentError(f"mode must be 'iou', got {mode!r}")
    _checked(bboxes1, bboxes2, mode, is_aligned)
    first, second = _sized(bboxes1), _sized(bboxes2)
    if is_aligned:
        return _probiou(first, second)
    rows = max(_PAIRS // max(len(second), 1), 1)
    return torch.cat([_probiou(block[:, None], second) for block in first.split(rows)])


def _probiou(first: Tensor, second: Tensor) -> Tensor:
    distance = gaussian.bhattacharyya(*map(gaussian.uniform_to_gaussian, (first, second)))
    return 1 - gaussian.hellinger(distance.clamp(min=0))


def within(points: Tensor, corners: Tensor) -> Tensor:
    """Mask (...) of the points (..., 2) inside their convex quadrilateral (..., 4, 2); both broadcast."""
    # not rolled, for which compilers ask how many there are
    following = torch.cat([corners[..., 1:, :], corners[..., :1, :]], -2)
    along, to = following - corners, points[..., None, :] - corners
    side = along[..., 0] * to[..., 1] - along[..., 1] * to[..., 0]
    return (side > 0).all(-1) | (side < 0).all(-1)


@TASK_UTILS.register_module()
class RBboxOverlaps2D:
    """:func:`rbbox_overlaps` as a part for a config."""

    prior_dim = 5
    compared = staticmethod(_sized)  # the form in which it compares boxes
    __call__ = staticmethod(rbbox_overlaps)


@TASK_UTILS.register_module()
class ProbIoUOverlaps2D:
    """:func:`probiou_overlaps` as a part for a config."""

    prior_dim = 5
    __call__ = staticmethod(probiou_overlaps)


@TASK_UTILS.register_module()
class BboxOverlaps2D:
    """:func:`bbox_overlaps` as a part for a config."""

    prior_dim = 4
    compared = staticmethod(lambda boxes: boxes[:, :4])
    __call__ = staticmethod(bbox_overlaps)


@TASK_UTILS.register_module()
class ConvexOverlaps:
    """Overlaps of the convex hulls of point sets (n, 18) with quadrilaterals (m, 8)."""

    def __call__(self, bboxes1: Tensor, bboxes2: Tensor, mode: str = 'iou', is_aligned: bool = False) -> Tensor:
        """Overlaps, with either kind as the first; see :func:`mmrotate.ops.convex_iou`."""
        if bboxes1.size(1) == 18:
            return convex_iou(bboxes1, bboxes2, mode, is_aligned)
        iou = convex_iou(bboxes2, bboxes1, aligned=is_aligned)
        if mode == 'iof':  # from iou and the share of the other area
            share = convex_iou(bboxes2, bboxes1, 'iof', is_aligned)
            iou = iou / (1 + iou - iou / share.where(share > 0, 1.0))
        return iou.T
