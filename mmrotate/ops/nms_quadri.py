"""Greedy non-maximum suppression of quadrilaterals."""

from torch import Tensor

from .backend import operation, threads, uses_cpp
from .nms_rotated import check, in_cpp, in_tiles, suppress, unknown_count
from .polygon import hulls_of, points_of
from .polygon_iou import box_iou_quadri


def nms_quadri(
    dets: Tensor, scores: Tensor, iou_threshold: float, labels: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Drop every quadrilateral that overlaps a better kept one more than the threshold.

    As :func:`nms_rotated`, but of ``dets`` (n, 8) as x1, y1, ..., x4, y4 in pixels, the corners in any order; what
    counts is their convex hull. Kept ones come with their scores as (k, 9).
    """
    check(dets, scores, labels, iou_threshold, 8)
    return suppress(_op, dets, scores, labels, iou_threshold)


@operation('nms_quadri_sorted', unknown_count)
def _op(boxes: Tensor, labels: Tensor | None, threshold: float) -> Tensor:
    """Indices (k,) of the boxes to keep, of boxes (n, 8) in falling order of score."""
    if uses_cpp(boxes):
        keep = in_cpp('nms_quadri', boxes, labels, threshold, threads())
    else:
        keep = in_tiles(boxes, labels, threshold, box_iou_quadri, hulls_of(points_of(boxes)).areas > 0)
    return keep.nonzero().squeeze(1)
