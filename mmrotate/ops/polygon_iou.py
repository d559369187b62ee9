"""Overlaps of convex polygons: quadrilaterals with each other, point sets with quadrilaterals."""

import torch
from torch import Tensor

from .backend import bare, call, operation, threads, uses_cpp
from .checks import check_boxes, check_choice, check_flag
from .geometry import table
from .polygon import Hulls, hulls_of, meeting, points_of, shared_area

# pairs that the plain implementation holds at once: about 100 MB
_CHUNK = 20_000
# in the order of csrc/polygon.h
_MODES = ('iou', 'iof')


def box_iou_quadri(bboxes1: Tensor, bboxes2: Tensor, mode: str = 'iou', aligned: bool = False) -> Tensor:
    """Overlaps of convex quadrilaterals, without gradient.

    Args:
        bboxes1: (n, 8) as x1, y1, ..., x4, y4 in pixels, the corners in any order; what counts is their convex hull.
        bboxes2: (m, 8); m = n where ``aligned``.
        mode: ``'iou'``: intersection over union, or ``'iof'``: over the area of ``bboxes1``.
        aligned: Compare pairs only.

    Returns:
        (n, m), or (n,) for aligned boxes, in [0, 1]; 0 for boxes without an area or not finite.
        float64 for float64 boxes, else float32.

    Raises:
        ValueError: a shape, type or mode that makes no sense.
    """
    check_boxes('bboxes1', bboxes1, 8)
    return _overlap(bboxes1, bboxes2, ('bboxes1', 'bboxes2'), mode, aligned)


def convex_iou(pointsets: Tensor, polygons: Tensor, mode: str = 'iou', aligned: bool = False) -> Tensor:
    """Overlaps of the convex hulls of point sets with convex quadrilaterals, without gradient.

    As :func:`box_iou_quadri`, but the first are the hulls of ``pointsets`` (n, 18), nine points as x, y in pixels, and
    ``polygons`` (m, 8) the second.
    """
    check_boxes('pointsets', pointsets, 18)
    return _overlap(pointsets, polygons, ('pointsets', 'polygons'), mode, aligned)


def _overlap(first: Tensor, quads: Tensor, names: tuple[str, str], mode: str, aligned: bool) -> Tensor:
    check_boxes(names[1], quads, 8)
    check_choice('mode', mode, _MODES)
    check_flag('aligned', aligned)
    if aligned and len(first) != len(quads):
        raise ValueError(f'aligned {names[0]} and {names[1]} must be of one count, got {len(first)} and {len(quads)}')
    return _op(*bare(first, quads), mode, bool(aligned))


@operation('polygon_iou', table)
def _op(points: Tensor, quads: Tensor, mode: str, aligned: bool) -> Tensor:
    """Overlaps of the hulls of points (n, 2k), k <= 9, with those of quads (m, 8)."""
    if not uses_cpp(points, quads):
        return _torch(points, quads, mode, aligned)
    out, flags = table(points, quads, mode, aligned), (_MODES.index(mode), aligned, threads())
    call('polygon_iou', out.dtype, points, len(points), points.size(1) // 2, quads, len(quads), *flags, out)
    return out


def _torch(points: Tensor, quads: Tensor, mode: str, aligned: bool) -> Tensor:
    first, second = hulls_of(points_of(points)), hulls_of(points_of(quads))
    if aligned:
        return _overlaps(first, second, mode).to(points.dtype)
    out = points.new_zeros(len(points), len(quads))
    rows = max(_CHUNK // max(len(quads), 1), 1)
    for start in range(0, len(points), rows):
        part = first.corners[start : start + rows, None]
        # most pairs do not touch
        i, j = meeting(part, second.corners).nonzero(as_tuple=True)
        pairs = Hulls(*(v[start + i] for v in first)), Hulls(*(v[j] for v in second))
        out[start + i, j] = _overlaps(*pairs, mode).to(out.dtype)
    return out


def _overlaps(first: Hulls, second: Hulls, mode: str) -> Tensor:
    shared = shared_area(first, second)
    base = first.areas if mode == 'iof' else first.areas + second.areas - shared
    return torch.where(shared > 0, shared / base, 0).clamp(max=1)
