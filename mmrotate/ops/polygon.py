"""Convex hulls, and convex polygons in plain PyTorch: the readable definition of the operations on them.

A polygon is a tensor (n, k, 2) of corners in the sense of positive area (x to the right and y down:
clockwise on the screen). Fewer than k corners are filled up with the last: sides of no length
change nothing. All of it is in float64, and places are taken relative to a corner.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from .backend import bare, call, operation, threads, uses_cpp
from .checks import check_floating, check_tensor
from .geometry import wide


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
    check_tensor('points', points)
    if points.dim() != 3 or points.size(2) != 2 or not points.size(1):
        raise ValueError(f'points must have shape (n, k, 2), k >= 1, got {tuple(points.shape)}')
    check_floating('points', points)
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


class Hulls(NamedTuple):
    """Convex hulls: corners (n, k, 2), their places (n, k) among the points, how many (n,)."""

    corners: Tensor
    places: Tensor
    number: Tensor

    @property
    def areas(self) -> Tensor:
        """(n,); 0 where a point is not finite."""
        area = area_of(self.corners)
        return torch.where((self.number > 2) & area.isfinite(), area, 0)


def points_of(values: Tensor) -> Tensor:
    """Rows (n, 2k) of x, y, x, y, ... as points (n, k, 2) of float64."""
    return wide(values).unflatten(1, (values.size(1) // 2, 2))


def cross(a: Tensor, b: Tensor) -> Tensor:
    """Signed area: z of the cross product of vectors (..., 2)."""
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def sides_of(corners: Tensor) -> Tensor:
    """Vectors (n, k, 2) from each corner to the next."""
    return corners.roll(-1, 1) - corners


def area_of(corners: Tensor) -> Tensor:
    """Areas (n,) of polygons (n, k, 2)."""
    local = corners - corners[:, :1]
    return cross(local, local.roll(-1, 1)).sum(1) / 2


def hulls_of(points: Tensor) -> Hulls:
    """Convex hulls of point sets (n, k, 2), k >= 1, with no three corners in a line.

    In order of x and y, a point is a corner below if every slope to it from the left is less than every slope from it
    to the right, and one above if every one is greater. Of equal points the first counts.
    """
    n, k = points.shape[:2]
    finite = points.isfinite().all(-1).all(-1)
    points = torch.where(finite[:, None, None], points, 0)
    by_y = points[..., 1].argsort(stable=True)
    order = by_y.gather(1, points[..., 0].gather(1, by_y).argsort(stable=True))
    x, y = points.gather(1, order[..., None].expand(n, k, 2)).unbind(-1)
    fresh = torch.ones_like(x, dtype=torch.bool)
    fresh[:, 1:] = (x.diff() != 0) | (y.diff() != 0)
    run = x[:, None] - x[:, :, None]
    slope = torch.where(run == 0, torch.inf, (y[:, None] - y[:, :, None]) / run)
    after = fresh[:, None] & torch.ones(k, k, dtype=torch.bool, device=x.device).triu(1)
    before = fresh[:, None] & torch.ones_like(after).tril(-1)
    inf = torch.inf
    lower = _most(slope, before, -inf) < -_most(-slope, after, -inf)
    upper = -_most(-slope, before, -inf) > _most(slope, after, -inf)
    ends = ~(before.any(2) & after.any(2))
    lower, upper = (lower | ends) & fresh, upper & ~ends & fresh
    # along below, back above
    rank = torch.where(lower, lower.cumsum(1), lower.sum(1, True) + upper.flip(1).cumsum(1).flip(1))
    count = (lower | upper).sum(1)
    slots = torch.where(lower | upper, rank, k + 1).argsort(stable=True)
    last = torch.minimum(torch.arange(k, device=x.device), count[:, None] - 1)
    index = order.gather(1, slots.gather(1, last))
    return Hulls(pick(points, index), index, torch.where(finite, count, 0))


def _most(values: Tensor, where: Tensor, least: float) -> Tensor:
    return values.masked_fill(~where, least).amax(2)


def pick(points: Tensor, index: Tensor) -> Tensor:
    """Points (n, j, 2) at ``index`` (n, j) of (n, k, 2)."""
    return points.gather(1, index[..., None].expand(*index.shape, 2))


def meeting(first: Tensor, second: Tensor) -> Tensor:
    """Mask (...) of pairs of polygons (..., k, 2) whose upright boxes meet: no others overlap."""
    low, high = torch.maximum(first.amin(-2), second.amin(-2)), first.amax(-2)
    return (low < torch.minimum(high, second.amax(-2))).all(-1)


def moved(first: Hulls, second: Hulls) -> tuple[Tensor, Tensor, Tensor]:
    """Corners of both relative to one of the first, and the sides of the second as they were."""
    origin = first.corners[:, :1]
    return first.corners - origin, second.corners - origin, sides_of(second.corners)


def shared_area(first: Hulls, second: Hulls) -> Tensor:
    """Areas (n,) that hulls share, pair by pair."""
    corners, starts, ways = moved(first, second)
    areas = torch.minimum(first.areas, second.areas) * meeting(first.corners, second.corners)
    for j in range(starts.shape[1]):
        corners = _cut(corners, starts[:, j], ways[:, j])
    return torch.where(areas > 0, torch.minimum(area_of(corners), areas).clamp(min=0), 0)


def depths(points: Tensor, starts: Tensor, ways: Tensor) -> Tensor:
    """How far points (n, k, 2) lie to the inside of lines (n, 2), times the length of the way."""
    return cross(ways[:, None], points - starts[:, None])


def _cut(corners: Tensor, starts: Tensor, ways: Tensor) -> Tensor:
    """What of convex polygons (n, k, 2) lies to the inside of lines: (n, k + 1, 2).

    From the deepest corner the outline is followed both ways as far as it stays inside; there it
    is crossed. So rounding bends it, but takes nothing of it away.
    """
    k = corners.shape[1]
    depth = depths(corners, starts, ways)
    around = torch.arange(k, device=corners.device)
    index = (depth.argmax(1, keepdim=True) + around) % k
    corners, depth = pick(corners, index), depth.gather(1, index)
    inside = depth >= 0
    ahead = inside.cumprod(1).sum(1, True)
    behind = inside.flip(1).cumprod(1).sum(1, True)
    fall = depth - depth.roll(-1, 1)
    t = (depth / torch.where(fall == 0, 1, fall)).clamp(0, 1)
    crossings = corners + t[..., None] * sides_of(corners)
    slot = torch.arange(k + 1, device=corners.device)
    source = torch.where(slot > k - behind, slot - 1, k + (k - behind - 1) % k)
    source = torch.where(slot == ahead, k + ahead - 1, source)
    source = torch.where(slot < ahead, slot, source)
    kept = pick(torch.cat([corners, crossings], 1), source.clamp(min=0))
    return torch.where(inside[:, :1, None], kept, corners[:, :1])
