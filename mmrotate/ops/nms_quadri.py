"""Greedy non-maximum suppression of quadrilaterals."""

import torch
from torch import Tensor

from .backend import call, uses_cpp
from .greedy import by_score, check, in_tiles, with_scores
from .polygon_iou import box_iou_quadri


def nms_quadri(
    dets: Tensor, scores: Tensor, iou_threshold: float, labels: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Drop every quadrilateral that overlaps a better kept one more than the threshold.

    Args:
        dets: (n, 8) as x1, y1, ..., x4, y4 in pixels, the corners in any order; what counts is
            their convex hull.
        scores: (n,); of equal scores the first goes first.
        iou_threshold: In [0, 1]; an overlap of exactly this much is allowed.
        labels: (n,) whole numbers; only boxes of one label suppress each other.

    Returns:
        Kept boxes with their scores (k, 9), best first, and their indices (k,) of int64.

    Raises:
        ValueError: a shape or type that makes no sense.
    """
    check(dets, 8, scores, labels, iou_threshold)
    order, boxes, sorted_labels = by_score(dets, scores, labels)
    keep = order[_op(boxes, sorted_labels, float(iou_threshold))]
    return with_scores(dets, scores, keep), keep


@torch.library.custom_op('mmrotate::nms_quadri_sorted', mutates_args=())
def _op(boxes: Tensor, labels: Tensor | None, threshold: float) -> Tensor:
    """Indices (k,) of the boxes to keep, of boxes (n, 8) in falling order of score."""
    if not uses_cpp(boxes):
        return in_tiles(boxes, labels, threshold, box_iou_quadri).nonzero().squeeze(1)
    boxes = boxes.contiguous()
    labels = None if labels is None else labels.contiguous()
    keep = boxes.new_empty(len(boxes), dtype=torch.bool)
    call('nms_quadri', boxes.dtype, boxes, labels, len(boxes), threshold, keep)
    return keep.nonzero().squeeze(1)


@_op.register_fake
def _(boxes: Tensor, labels: Tensor | None, threshold: float) -> Tensor:
    return boxes.new_empty(torch.library.get_ctx().new_dynamic_size(), dtype=torch.int64)
