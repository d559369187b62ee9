"""Convex hulls of point sets."""

import torch
from torch import Tensor

from .backend import bare, call, operation, threads, uses_cpp
from .geometry import wide
from .polygon import hulls_of, pick


def convex_hull(points: Tensor) -> tuple[Tensor, Tensor]:
    """Corners of the convex hulls of point sets.

    Args:
        points: (n, k, 2) as x, y in pixels, k >= 1.

    Returns:
        The corners (n, k, 2), clockwise on the screen (y down) from the leftmost, no two equal and
        no three in a line, filled up with the last one; and how many they are (n,), 0 where a point
        is not finite. The gradient passes to the points that are corners.

    Raises:
        ValueError: a shape or type that makes no sense.
    """
    if points.dim() != 3 or points.size(2) != 2 or not points.size(1):
        raise ValueError(f'points must have shape (n, k, 2), k >= 1, got {tuple(points.shape)}')
    if not points.is_floating_point():
        raise ValueError(f'points must be floating point, got {points.dtype}')
    index, count = _op(*bare(points))
    return pick(points, index), count


@operation(
    'convex_hull', lambda points: tuple(points.new_empty(points.shape[:dims], dtype=torch.int64) for dims in (2, 1))
)
def _op(points: Tensor) -> tuple[Tensor, Tensor]:
    """Places (n, k) of the corners among the points, and their count (n,)."""
    if not uses_cpp(points):
        return hulls_of(wide(points))[1:]
    n, k = points.shape[:2]
    index, count = (points.new_empty(s, dtype=torch.int64) for s in ((n, k), (n,)))
    call('convex_hull', points.dtype, points, n, k, threads(), index, count)
    return index, count
