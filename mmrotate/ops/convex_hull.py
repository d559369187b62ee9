"""Convex hulls of point sets."""

import torch
from torch import Tensor

from .backend import call, compute_dtype, threads, uses_cpp
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
    index, count = _op(points.detach().to(compute_dtype(points)))
    return pick(points, index), count


@torch.library.custom_op('mmrotate::convex_hull', mutates_args=())
def _op(points: Tensor) -> tuple[Tensor, Tensor]:
    """Places (n, k) of the corners among the points, and their count (n,)."""
    if not uses_cpp(points):
        return hulls_of(wide(points))[1:]
    n, k = points.shape[:2]
    index, count = (points.new_empty(s, dtype=torch.int64) for s in ((n, k), (n,)))
    call('convex_hull', points.dtype, points.contiguous(), n, k, threads(), index, count)
    return index, count


@_op.register_fake
def _(points: Tensor) -> tuple[Tensor, Tensor]:
    index = points.new_empty(points.shape[:2], dtype=torch.int64)
    return index, points.new_empty(points.size(0), dtype=torch.int64)
