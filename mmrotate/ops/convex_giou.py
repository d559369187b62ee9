"""Generalized overlaps of point sets with quadrilaterals, with gradient."""

from typing import Any

import torch
from torch import Tensor

from .backend import call, compute_dtype, operation, threads, uses_cpp
from .checks import check_boxes
from .polygon import Hulls, depths, hulls_of, moved, points_of, shared_area, sides_of


def convex_giou(pointsets: Tensor, polygons: Tensor) -> Tensor:
    """Generalized overlap of the convex hull of each point set with its convex quadrilateral.

    Rezatofighi et al., Generalized Intersection over Union, CVPR 2019: IoU, less the share of the
    hull around both that neither fills. Differentiable in ``pointsets``, once.

    Args:
        pointsets: (n, 18): nine points as x, y in pixels.
        polygons: (n, 8): four corners in any order; what counts is their convex hull.

    Returns:
        (n,) in [-1, 1]: -1 where a point is not finite or neither has an area, 0 where all points
        lie on a line. float64 for float64 points, else float32.

    Raises:
        ValueError: a shape or type that makes no sense.
    """
    check_boxes('pointsets', pointsets, 18)
    check_boxes('polygons', polygons, 8)
    if len(pointsets) != len(polygons):
        raise ValueError(f'there must be as many polygons as pointsets, got {len(polygons)} and {len(pointsets)}')
    dtype = compute_dtype(pointsets, polygons)
    return _op(pointsets.to(dtype), polygons.detach().to(dtype))[0]


@operation('convex_giou', lambda points, quads: (points.new_empty(points.size(0)), points.new_empty(points.shape)))
def _op(points: Tensor, quads: Tensor) -> tuple[Tensor, Tensor]:
    """Generalized overlaps (n,) and their gradient (n, 18) in the points."""
    if not uses_cpp(points, quads):
        return _torch(points, quads)
    out, grad = points.new_empty(len(points)), points.new_empty(points.shape)
    call('convex_giou', out.dtype, points, quads, len(points), threads(), out, grad)
    return out, grad


def _setup(ctx: Any, inputs: tuple, output: tuple[Tensor, Tensor]) -> None:
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(output[1])


def _backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor, None]:
    return grad[:, None] * ctx.saved_tensors[0], None


_op.register_autograd(_backward, setup_context=_setup)


def _torch(points: Tensor, quads: Tensor) -> tuple[Tensor, Tensor]:
    p, q = points_of(points), points_of(quads)
    first, second, both = hulls_of(p), hulls_of(q), hulls_of(torch.cat([p, q], 1))
    shared, around = shared_area(first, second), both.areas
    joint = first.areas + second.areas - shared
    safe, safe_around = (torch.where(v > 0, v, 1) for v in (joint, around))
    value = shared / safe + joint / safe_around - 1
    by_joint = 1 / safe_around - shared / safe.square()
    low, high = _inside(first, second)
    parts = (
        (first, low, high, torch.where(shared > 0, 1 / safe - by_joint, 0)),
        (first, 0 * low, torch.ones_like(high), by_joint),
        (both, both.corners.new_zeros(1), both.corners.new_ones(1), -joint / safe_around.square()),
    )
    grad = torch.cat([torch.zeros_like(p), torch.zeros_like(q)], 1)
    for hulls, t0, t1, factor in parts:
        _add_sides(hulls, t0, t1, factor, grad)
    finite = both.number > 0
    value = torch.where(finite & (joint > 0), value, -1)
    value = torch.where(finite & (around <= 0), 0, value)
    grad = torch.where((finite & (joint > 0))[:, None, None], grad[:, :9], 0)
    return value.to(points.dtype), grad.flatten(1).to(points.dtype)


def _inside(first: Hulls, second: Hulls) -> tuple[Tensor, Tensor]:
    """The part (n, k) x 2 of each side of ``first`` that lies in ``second``, as shares of the way.

    Empty where the first is not less than the second.
    """
    corners, starts, ways = moved(first, second)
    low = torch.zeros_like(corners[..., 0])
    high = torch.ones_like(low)
    for j in range(starts.shape[1]):
        d0 = depths(corners, starts[:, j], ways[:, j])
        d1 = d0.roll(-1, 1)
        t = d0 / torch.where(d0 == d1, 1, d0 - d1)
        low = torch.where((d0 < 0) & (d1 >= 0), torch.maximum(low, t), low)
        high = torch.where((d0 >= 0) & (d1 < 0), torch.minimum(high, t), high)
        high = torch.where((d0 < 0) & (d1 < 0), 0, high)
    return low, torch.maximum(low, high)


def _add_sides(hulls: Hulls, t0: Tensor, t1: Tensor, factor: Tensor, grad: Tensor) -> None:
    """Add what the area gains as the parts [t0, t1] of the sides move outwards, times a factor."""
    ways = sides_of(hulls.corners)
    normals = torch.stack([ways[..., 1], -ways[..., 0]], -1) * factor[:, None, None]
    to_end = (t1.square() - t0.square()) / 2
    to_start = t1 - t0 - to_end
    at_corner = normals * to_start[..., None] + (normals * to_end[..., None]).roll(1, 1)
    grad.scatter_add_(1, hulls.places[..., None].expand_as(at_corner), at_corner)
