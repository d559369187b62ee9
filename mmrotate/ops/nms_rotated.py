"""Greedy non-maximum suppression: of rotated boxes, and what it shares with that of other shapes."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .backend import bare, call, chosen, compute_dtype, operation, threads, triton_kernels
from .box_iou_rotated import box_iou_rotated
from .checks import check_boxes, check_choice, check_flag, check_floating, check_labels, check_number, check_positive
from .geometry import valid_boxes, wide

_METHODS = ('linear', 'gaussian', 'naive')
_TILE = 512
# boxes that a tile is held against at once
_ROWS = 32_768


def nms_rotated(
    dets: Tensor, scores: Tensor, iou_threshold: float, labels: Tensor | None = None, clockwise: bool = True
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
    check(dets, scores, labels, iou_threshold)
    check_flag('clockwise', clockwise)
    return suppress(_op, dets, scores, labels, iou_threshold, bool(clockwise))


def batched_nms_rotated(
    boxes: Tensor, scores: Tensor, labels: Tensor, iou_threshold: float, class_agnostic: bool = False
) -> tuple[Tensor, Tensor]:
    """:func:`nms_rotated`, clockwise, in each class, or across all of them where ``class_agnostic``.

    Labels are compared as such: no box is moved, nothing is rounded.
    """
    check_flag('class_agnostic', class_agnostic)
    check_boxes('boxes', boxes)
    if not class_agnostic:
        check_labels('labels', labels, boxes.shape[:1])
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

    Bodla et al., Soft-NMS, ICCV 2017. The best box is taken, the scores of others fall with their overlap, and so on.

    Args, besides those of :func:`nms_rotated`:
        iou_threshold: Overlap above which ``'linear'`` and ``'naive'`` act.
        sigma: Width of ``'gaussian'``: the smaller, the stricter.
        min_score: Boxes whose score falls under this go.
        method: Factor of a score: ``'linear'``: 1 - IoU; ``'gaussian'``: exp(-IoU^2 / sigma);
            ``'naive'``: 0, which is :func:`nms_rotated`.

    Returns:
        Boxes with their lowered scores (k, 6), best first, and their indices (k,) of int64.

    Raises:
        ValueError: a shape, type or method that makes no sense.
    """
    check(dets, scores, labels, iou_threshold)
    check_choice('method', method, _METHODS)
    check_positive('sigma', sigma)
    check_number('min_score', min_score)
    check_flag('clockwise', clockwise)
    boxes, left = bare(dets)[0], scores.detach().to(compute_dtype(dets))
    left = torch.where(left >= min_score, left, 0)  # 0: gone
    # boxes that overlap nothing keep their scores
    out = torch.where(valid_boxes(wide(boxes)), 0, left)
    left = torch.where(out > 0, 0, left)
    # a few dozen boxes stay, as a rule: a row of overlaps for each, never the whole matrix
    while len(left) and (best := int(left.argmax())) >= 0 and left[best] > 0:
        out[best] = left[best]
        left[best] = 0
        rest = left.nonzero().squeeze(1)
        if labels is not None:
            rest = rest[labels[rest] == labels[best]]
        overlap = box_iou_rotated(boxes[rest], boxes[best, None], clockwise=clockwise).squeeze(1)
        if method == 'gaussian':
            factor = (-overlap.square() / sigma).exp()
        else:
            factor = torch.where(overlap > iou_threshold, 1 - overlap if method == 'linear' else 0, 1)
        fallen = left[rest] * factor
        left[rest] = torch.where(fallen >= min_score, fallen, 0)
    index = out.sort(descending=True, stable=True).indices[: int((out > 0).sum())]
    return with_scores(dets, out, index), index


def check(dets: Tensor, scores: Tensor, labels: Tensor | None, threshold: float, columns: int = 5) -> None:
    """Raise ValueError unless dets (n, columns), scores (n,) and labels (n,) fit each other."""
    check_boxes('dets', dets, columns)
    check_floating('scores', scores, dets.shape[:1])
    check_number('iou_threshold', threshold, 0, 1)
    if labels is not None:
        check_labels('labels', labels, dets.shape[:1])


def suppress(
    find: Callable[..., Tensor], dets: Tensor, scores: Tensor, labels: Tensor | None, threshold: float, *flags: bool
) -> tuple[Tensor, Tensor]:
    """Kept boxes with their scores, best first, and their indices; of equal scores the first goes first.

    ``find`` gives the indices (k,) among boxes, and their labels, in falling order of score.
    """
    order = scores.sort(descending=True, stable=True).indices
    boxes = bare(dets)[0][order]
    keep = order[find(boxes, None if labels is None else labels[order].long(), float(threshold), *flags)]
    return with_scores(dets, scores, keep), keep


def unknown_count(boxes: Tensor, *args: object) -> Tensor:
    """Indices (k,) without values, of nobody knows how many boxes."""
    return boxes.new_empty(torch.library.get_ctx().new_dynamic_size(), dtype=torch.int64)


def with_scores(dets: Tensor, scores: Tensor, index: Tensor) -> Tensor:
    """Boxes (k, columns + 1) at ``index`` (k,), their scores in the last column."""
    return torch.cat([dets[index], scores[index, None].to(dets.dtype)], 1)


def in_cpp(name: str, boxes: Tensor, labels: Tensor | None, *settings: Any) -> Tensor:
    """Mask (n,) of the boxes to keep, of boxes in falling order of score, by a C++ function."""
    keep = boxes.new_empty(len(boxes), dtype=torch.bool)
    call(name, boxes.dtype, boxes, labels, len(boxes), *settings, keep)
    return keep


def in_tiles(
    boxes: Tensor, labels: Tensor | None, threshold: float, iou: Callable[[Tensor, Tensor], Tensor], valid: Tensor
) -> Tensor:
    """The same in plain PyTorch: a tile is decided, then clears what follows.

    Boxes that are not ``valid`` (n,) overlap nothing: they stay, and are not looked at.
    """
    keep = torch.ones_like(valid)
    index = valid.nonzero().squeeze(1)
    keep[index] = _valid_in_tiles(boxes[index], None if labels is None else labels[index], threshold, iou)
    return keep


def _valid_in_tiles(
    boxes: Tensor, labels: Tensor | None, threshold: float, iou: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:

    def hits(rows: Tensor, cols: Tensor) -> Tensor:
        found = iou(boxes[rows], boxes[cols]) > threshold
        return found if labels is None else found & (labels[rows][:, None] == labels[cols])

    keep = boxes.new_ones(len(boxes), dtype=torch.bool)
    for start in range(0, len(boxes), _TILE):
        tile = torch.arange(start, min(start + _TILE, len(boxes)), device=boxes.device)
        tile = tile[keep[tile]]
        alive = np.ones(len(tile), dtype=bool)
        for k, row in enumerate(hits(tile, tile).triu(1).cpu().numpy()):
            if alive[k]:
                alive &= ~row
        keep[tile] = torch.from_numpy(alive).to(keep.device)
        tile = tile[keep[tile]]
        rest = keep.nonzero().squeeze(1)
        rest = rest[rest >= start + _TILE]
        for rows in rest.split(_ROWS):
            keep[rows[hits(rows, tile).any(1)]] = False
    return keep


@operation('nms_rotated_sorted', unknown_count)
def _op(boxes: Tensor, labels: Tensor | None, threshold: float, clockwise: bool) -> Tensor:
    """Indices (k,) of the boxes to keep, of boxes (n, 5) in falling order of score."""
    backend = chosen(boxes)
    if backend == 'cpp':
        keep = in_cpp('nms_rotated', boxes, labels, threshold, clockwise, threads())
    elif backend == 'triton':
        keep = triton_kernels().nms_rotated(boxes, labels, threshold, clockwise)
    else:
        iou = partial(box_iou_rotated, clockwise=clockwise)
        keep = in_tiles(boxes, labels, threshold, iou, valid_boxes(wide(boxes)))
    return keep.nonzero().squeeze(1)
