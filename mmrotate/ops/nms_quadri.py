"""Greedy non-maximum suppression of quadrilaterals."""

from torch import Tensor

from .backend import operation, uses_cpp
from .greedy import check, in_cpp, in_tiles, suppress, unknown_count
from .polygon_iou import box_iou_quadri


def nms_quadri(
    dets: Tensor, scores: Tensor, iou_threshold: float, labels: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Drop every quadrilateral that overlaps a better kept one more than the threshold.

    Args:
        dets: (n, 8) as x1, y1, ..., x4, y4 in pixels, the corners in any order; what counts is their convex hull.
        scores: (n,); of equal scores the first goes first.
        iou_threshold: In [0, 1]; an overlap of exactly this much is allowed.
        labels: (n,) whole numbers; only boxes of one label suppress each other.

    Returns:
        Kept boxes with their scores (k, 9), best first, and their indices (k,) of int64.

    Raises:
        ValueError: a shape or type that makes no sense.
    """
    check(dets, scores, labels, iou_threshold, 8)
    return suppress(_op, dets, scores, labels, iou_threshold)


@operation('nms_quadri_sorted', unknown_count)
def _op(boxes: Tensor, labels: Tensor | None, threshold: float) -> Tensor:
    """Indices (k,) of the boxes to keep, of boxes (n, 8) in falling order of score."""
    if uses_cpp(boxes):
        keep = in_cpp('nms_quadri', boxes, labels, threshold)
    else:
        keep = in_tiles(boxes, labels, threshold, box_iou_quadri)
    return keep.nonzero().squeeze(1)
