"""Greedy non-maximum suppression of rotated boxes."""

import numpy as np
import torch
from torch import Tensor

from .backend import call, check_boxes, compute_dtype, uses_cpp
from .box_iou_rotated import box_iou_rotated

_TILE = 512
# boxes that a tile is held against at once
_ROWS = 32_768
_METHODS = ('linear', 'gaussian', 'naive')


def nms_rotated(
    dets: Tensor,
    scores: Tensor,
    iou_threshold: float,
    labels: Tensor | None = None,
    clockwise: bool = True,
) -> tuple[Tensor, Tensor]:
    """Drop every box that overlaps a kept one with a better score more than the threshold.

    Args:
        dets: (n, 5) as x, y, w, h in pixels, theta in radians.
        scores: (n,); of equal scores the first goes first.
        iou_threshold: In [0, 1]; an overlap of exactly this much is allowed.
        labels: (n,) whole numbers; only boxes of one label suppress each other.
        clockwise: Whether theta runs clockwise on the screen (y down).

    Returns:
        Kept boxes with their scores (k, 6), best first, and their indices (k,) of int64.

    Raises:
        ValueError: a shape or type that makes no sense.
    """
    _check(dets, scores, labels, iou_threshold)
    order = scores.sort(descending=True, stable=True).indices
    sorted_labels = None if labels is None else labels[order].long()
    boxes = dets.detach()[order].to(compute_dtype(dets))
    keep = order[_op(boxes, sorted_labels, float(iou_threshold), clockwise)]
    return torch.cat([dets[keep], scores[keep, None].to(dets.dtype)], 1), keep


def batched_nms_rotated(
    boxes: Tensor,
    scores: Tensor,
    labels: Tensor,
    iou_threshold: float,
    class_agnostic: bool = False,
) -> tuple[Tensor, Tensor]:
    """:func:`nms_rotated` in each class, or across all of them where ``class_agnostic``.

    Args:
        boxes: (n, 5) as x, y, w, h in pixels, theta in radians, clockwise on the screen.
        scores: (n,); of equal scores the first goes first.
        labels: (n,) whole numbers. They are compared as such: no box is moved, nothing is rounded.
        iou_threshold: In [0, 1]; an overlap of exactly this much is allowed.
        class_agnostic: Ignore the labels.

    Returns:
        Kept boxes with their scores (k, 6), best first, and their indices (k,) of int64.
    """
    return nms_rotated(boxes, scores, iou_threshold, None if class_agnostic else labels)


def soft_nms_rotated(
    dets: Tensor,
    scores: Tensor,
    iou_threshold: float = 0.3,
    sigma: float = 0.5,
    min_score: float = 1e-3,
    method: str = 'linear',
    labels: Tensor | None = None,
    clockwise: bool = True,
) -> tuple[Tensor, Tensor]:
    """Lower the scores of boxes that overlap better ones, in place of dropping them.

    Bodla et al., Soft-NMS, ICCV 2017. The best box is taken, the scores of the others fall with
    their overlap, and so on.

    Args:
        dets: (n, 5) as x, y, w, h in pixels, theta in radians.
        scores: (n,)
        iou_threshold: Overlap above which ``'linear'`` and ``'naive'`` act.
        sigma: Width of ``'gaussian'``: the smaller, the stricter.
        min_score: Boxes whose score falls under this go.
        method: Factor of a score: ``'linear'``: 1 - IoU; ``'gaussian'``: exp(-IoU^2 / sigma);
            ``'naive'``: 0, which is :func:`nms_rotated`.
        labels: (n,) whole numbers; only boxes of one label act on each other.
        clockwise: Whether theta runs clockwise on the screen (y down).

    Returns:
        Boxes with their lowered scores (k, 6), best first, and their indices (k,) of int64.

    Raises:
        ValueError: a shape, type or method that makes no sense.
    """
    _check(dets, scores, labels, iou_threshold)
    if method not in _METHODS:
        raise ValueError(f'method must be one of {_METHODS}, got {method!r}')
    if not sigma > 0:
        raise ValueError(f'sigma must be positive, got {sigma}')
    boxes, left = dets.detach().to(compute_dtype(dets)), scores.detach().to(compute_dtype(dets))
    left = torch.where(left >= min_score, left, 0)  # 0: gone
    out = torch.zeros_like(left)
    keep = []
    # a few dozen boxes stay, as a rule: a row of overlaps for each, never the whole matrix
    while len(left) and (best := int(left.argmax())) >= 0 and left[best] > 0:
        keep.append(best)
        out[best] = left[best]
        left[best] = 0
        rest = left.nonzero().squeeze(1)
        if labels is not None:
            rest = rest[labels[rest] == labels[best]]
        overlap = box_iou_rotated(boxes[rest], boxes[best, None], clockwise=clockwise).squeeze(1)
        fallen = left[rest] * _factor(overlap, iou_threshold, sigma, method)
        left[rest] = torch.where(fallen >= min_score, fallen, 0)
    index = torch.tensor(keep, dtype=torch.long, device=dets.device)
    return torch.cat([dets[index], out[index, None].to(dets.dtype)], 1), index


def _factor(overlap: Tensor, threshold: float, sigma: float, method: str) -> Tensor:
    """What remains of the score of a box that overlaps a better one this much."""
    if method == 'gaussian':
        return (-overlap.square() / sigma).exp()
    return torch.where(overlap > threshold, 1 - overlap if method == 'linear' else 0, 1)


def _check(dets: Tensor, scores: Tensor, labels: Tensor | None, threshold: float) -> None:
    check_boxes('dets', dets)
    if not threshold >= 0:
        raise ValueError(f'iou_threshold must be in [0, 1], got {threshold}')
    for name, values in (('scores', scores), ('labels', labels)):
        if values is not None and values.shape != dets.shape[:1]:
            raise ValueError(f'{name} must have shape ({len(dets)},), got {tuple(values.shape)}')


@torch.library.custom_op('mmrotate::nms_rotated_sorted', mutates_args=())
def _op(boxes: Tensor, labels: Tensor | None, threshold: float, clockwise: bool) -> Tensor:
    """Indices (k,) of the boxes to keep, of boxes (n, 5) in falling order of score."""
    if not uses_cpp(boxes):
        return _torch(boxes, labels, threshold, clockwise).nonzero().squeeze(1)
    boxes = boxes.contiguous()
    labels = None if labels is None else labels.contiguous()
    keep = boxes.new_empty(len(boxes), dtype=torch.bool)
    call('nms_rotated', boxes.dtype, boxes, labels, len(boxes), threshold, clockwise, keep)
    return keep.nonzero().squeeze(1)


@_op.register_fake
def _(boxes: Tensor, labels: Tensor | None, threshold: float, clockwise: bool) -> Tensor:
    return boxes.new_empty(torch.library.get_ctx().new_dynamic_size(), dtype=torch.int64)


def _torch(boxes: Tensor, labels: Tensor | None, threshold: float, clockwise: bool) -> Tensor:
    """Mask (n,) of the boxes to keep, tile by tile: a tile is decided, then clears what follows."""
    keep = boxes.new_ones(len(boxes), dtype=torch.bool)
    for start in range(0, len(boxes), _TILE):
        tile = torch.arange(start, min(start + _TILE, len(boxes)), device=boxes.device)
        tile = tile[keep[tile]]
        hits = _hits(boxes, labels, tile, tile, threshold, clockwise).triu(1).cpu().numpy()
        alive = np.ones(len(tile), dtype=bool)
        for k, row in enumerate(hits):
            if alive[k]:
                alive &= ~row
        keep[tile] = torch.from_numpy(alive).to(keep.device)
        tile = tile[keep[tile]]
        rest = keep.nonzero().squeeze(1)
        rest = rest[rest >= start + _TILE]
        for rows in rest.split(_ROWS):
            gone = _hits(boxes, labels, rows, tile, threshold, clockwise).any(1)
            keep[rows[gone]] = False
    return keep


def _hits(
    boxes: Tensor,
    labels: Tensor | None,
    rows: Tensor,
    cols: Tensor,
    threshold: float,
    clockwise: bool,
) -> Tensor:
    """Mask (rows, cols) of the pairs that suppress each other."""
    hits = box_iou_rotated(boxes[rows], boxes[cols], clockwise=clockwise) > threshold
    if labels is not None:
        hits &= labels[rows][:, None] == labels[cols][None]
    return hits
