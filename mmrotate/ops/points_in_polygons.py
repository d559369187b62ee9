"""Which points lie in which quadrilaterals."""

import torch
from torch import Tensor

from .backend import bare, call, operation, threads, uses_cpp
from .checks import check_boxes
from .polygon import cross, points_of

# pairs that the plain implementation holds at once: about 100 MB
_CHUNK = 250_000


def points_in_polygons(points: Tensor, polygons: Tensor) -> Tensor:
    """Whether each point lies in each quadrilateral.

    Args:
        points: (n, 2) as x, y in pixels.
        polygons: (m, 8): corners x1, y1, ..., x4, y4, one after the other around the outline in
            either sense; they need not be convex.

    Returns:
        (n, m): 1 inside, else 0; of points on the outline, those to the left and at the top are
        inside, so quadrilaterals side by side share none. Points and polygons that are not finite
        hold nothing. float64 for float64 points, else float32.

    Raises:
        ValueError: a shape or type that makes no sense.
    """
    check_boxes('points', points, 2)
    check_boxes('polygons', polygons, 8)
    return _op(*bare(points, polygons))


@operation('points_in_polygons', lambda points, quads: points.new_empty(points.size(0), quads.size(0)))
def _op(points: Tensor, quads: Tensor) -> Tensor:
    n, m = len(points), len(quads)
    out = points.new_empty(n, m)
    if not uses_cpp(points, quads):
        rows = max(_CHUNK // max(m, 1), 1)
        for start in range(0, n, rows):
            out[start : start + rows] = _torch(points[start : start + rows], quads)
        return out
    call('points_in_polygons', out.dtype, points, n, quads, m, threads(), out)
    return out


def _torch(points: Tensor, quads: Tensor) -> Tensor:
    """A ray from the point to the right crosses the outline an odd number of times."""
    corners, place = points_of(quads), points_of(points)
    finite = quads.isfinite().all(1) & points.isfinite().all(1, keepdim=True)
    inside = torch.zeros_like(finite)
    for start, end in zip(corners.unbind(1), corners.roll(-1, 1).unbind(1), strict=True):
        below = start[:, 1] > place[..., 1]
        crossed = below != (end[:, 1] > place[..., 1])
        side = cross(end - start, place - start)
        inside ^= crossed & torch.where(below, side < 0, side > 0)
    return (inside & finite).to(points.dtype)
