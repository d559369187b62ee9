"""The geometry of the operations in plain PyTorch: their readable definition.

The area that two boxes share is found without a list of vertices. In the frame of the first box it is the rectangle
``|x| <= a, |y| <= b``; summed over the edges of the second box, the integral of y clamped to ``[-b, b]``, over x within
``[-a, a]``, is the area inside: at every x it takes the clamped extent between the upper and the lower edge. Every term
is at most the rectangle's own area, so nothing large cancels.
"""

import torch
from torch import Tensor

from mmrotate.utils.graph import current_graph


def wide(tensor: Tensor) -> Tensor:
    """As float64: one box may be 1e8 times another. Apple's GPUs have none; there, float32."""
    return tensor.to(torch.float32 if tensor.device.type == 'mps' else torch.float64)


def wide_outside_graphs(tensor: Tensor) -> Tensor:
    """As :func:`wide`; in a graph float32, which all that run one are quick with."""
    return wide(tensor) if current_graph() is None else tensor.float()


def _clamped_edges(px: Tensor, py: Tensor, qx: Tensor, qy: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Integral over x in [-a, a] of the y of edges p -> q, clamped to [-b, b]; shapes broadcast."""
    x0, x1 = px.clamp(-a, a), qx.clamp(-a, a)
    run = qx - px
    slope = (qy - py) / torch.where(run == 0, 1, run)
    y0, y1 = py + (x0 - px) * slope, qy + (x1 - qx) * slope
    rise = y1 - y0
    safe = torch.where(rise == 0, 1, rise)
    # where the edge leaves the band, as shares of the way
    low, high = (-b - y0) / safe, (b - y0) / safe
    t0, t1 = torch.minimum(low, high).clamp(0, 1), torch.maximum(low, high).clamp(0, 1)
    h0, h1, h2, h3 = (y.clamp(-b, b) for y in (y0, y0 + rise * t0, y0 + rise * t1, y1))
    return (x1 - x0) * 0.5 * ((h0 + h1) * t0 + (h1 + h2) * (t1 - t0) + (h2 + h3) * (1 - t1))


def relative(boxes1: Tensor, boxes2: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Centre (x, y) and direction (cos, sin) of the second box in the frame of the first."""
    ox, oy, turn = (boxes2[..., i] - boxes1[..., i] for i in (0, 1, 4))
    cos, sin = boxes1[..., 4].cos(), boxes1[..., 4].sin()
    return ox * cos + oy * sin, oy * cos - ox * sin, turn.cos(), turn.sin()


def intersection_area(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Area that boxes (..., 5) share with boxes (..., 5); shapes broadcast."""
    dx, dy, c, s = relative(boxes1, boxes2)
    (w, h), (w2, h2) = (boxes[..., 2:4].unbind(-1) for boxes in (boxes1, boxes2))
    a, b, a2, b2 = w / 2, h / 2, w2 / 2, h2 / 2
    ux, uy, vx, vy = a2 * c, a2 * s, -b2 * s, b2 * c
    xs = (dx - ux - vx, dx + ux - vx, dx + ux + vx, dx - ux + vx)
    ys = (dy - uy - vy, dy + uy - vy, dy + uy + vy, dy - uy + vy)
    corners = list(zip(xs, ys, strict=True))
    edges = zip(corners, corners[1:] + corners[:1], strict=True)
    area = sum((_clamped_edges(*p, *q, a, b) for p, q in edges), torch.zeros_like(dx))
    area = torch.minimum(area.abs(), torch.minimum(w * h, w2 * h2))
    # apart, along a side of one of them or by their circles: exactly 0, not the rounding of the sum
    ac, as_ = c.abs(), s.abs()
    apart = ~touching(boxes1, boxes2) | (dx.abs() >= a + a2 * ac + b2 * as_) | (dy.abs() >= b + a2 * as_ + b2 * ac)
    apart |= (dx * c + dy * s).abs() >= a2 + a * ac + b * as_
    apart |= (dy * c - dx * s).abs() >= b2 + a * as_ + b * ac
    return torch.where(apart, 0, area)


def hull_area(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Area of the convex hulls around pairs of boxes (..., 5); shapes broadcast.

    As a direction turns once around, the corner of a box that lies furthest in it changes at the box's four normals
    only. Between two neighbours of the eight normals each box has one such corner, and the hull has one of the two or
    passes from one to the other: the furthest at both ends, in order, are the hull's corners.
    """
    boxes1, boxes2 = torch.broadcast_tensors(boxes1, boxes2)
    *centre, c, s = relative(boxes1, boxes2)
    # the same box, turned by less than a right angle
    swap = c * s < 0
    c, s = torch.where(swap, s.abs(), c.abs()), torch.where(swap, c.abs(), s.abs())
    sides = boxes2[..., 2:4]
    w, h = torch.where(swap[..., None], sides.flip(-1), sides).split(1, -1)
    along, across = torch.stack([c, s], -1), torch.stack([-s, c], -1)
    u, v, half = along * w / 2, across * h / 2, boxes1[..., 2:4] / 2
    signs = half.new_tensor([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    p = [half * sign for sign in signs]
    q = [torch.stack(centre, -1) + u * sign[0] + v * sign[1] for sign in signs]
    normals1 = [t.expand_as(half) for t in half.new_tensor([[1, 0], [0, 1], [-1, 0], [0, -1]])]
    normals2 = [along, across, -along, -across]
    corners = []
    for k in range(4):
        corners.append(_further(p[k], q[k - 1], normals1[k]))
        corners.append(_further(p[k], q[k - 1], normals2[k]))
        corners.append(_further(p[k], q[k], normals2[k]))
        corners.append(_further(p[k], q[k], normals1[(k + 1) % 4]))
    x, y = torch.stack(corners, -2).unbind(-1)
    return (x * y.roll(-1, -1) - y * x.roll(-1, -1)).sum(-1) / 2


def _further(p: Tensor, q: Tensor, direction: Tensor) -> Tensor:
    """Of two points (..., 2) the one that lies further in a direction (..., 2)."""
    return torch.where(((p - q) * direction).sum(-1, keepdim=True) >= 0, p, q)


def valid_boxes(boxes: Tensor) -> Tensor:
    """Mask (...) of the boxes (..., 5) that are finite and have an area."""
    sides = boxes[..., 2:4]
    area = sides.prod(-1)  # may be 0 for positive sides: 1e-200 times itself
    return (sides > 0).all(-1) & (area > 0) & area.isfinite() & boxes.isfinite().all(-1)


def overlaps(boxes1: Tensor, boxes2: Tensor, mode: str) -> Tensor:
    """Overlaps of boxes (..., 5), computed in float64; shapes broadcast.

    In [0, 1], for ``'giou'`` in [-1, 1]. Boxes without an area, or not finite, get the least: they overlap nothing.
    """
    first, second = wide_outside_graphs(boxes1), wide_outside_graphs(boxes2)
    valid1, valid2 = valid_boxes(first), valid_boxes(second)
    unit = first.new_tensor([0, 0, 1, 1, 0])
    first = torch.where(valid1[..., None], first, unit)
    second = torch.where(valid2[..., None], second, unit)
    shared = intersection_area(first, second)
    area = first[..., 2] * first[..., 3]
    both = area + second[..., 2] * second[..., 3] - shared
    overlap = (shared / (area if mode == 'iof' else both)).clamp(0, 1)
    if mode == 'giou':
        overlap = overlap - (1 - both / hull_area(first, second)).clamp(0, 1)
    return torch.where(valid1 & valid2, overlap, -1.0 if mode == 'giou' else 0.0)


def touching(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Mask (...) of the pairs whose circumscribed circles meet: no others overlap."""
    first, second = wide_outside_graphs(boxes1), wide_outside_graphs(boxes2)
    reach = (first[..., 2:4].norm(dim=-1) + second[..., 2:4].norm(dim=-1)) / 2
    dx, dy = first[..., 0] - second[..., 0], first[..., 1] - second[..., 1]
    return dx * dx + dy * dy < reach * reach


def table(first: Tensor, second: Tensor, mode: str, aligned: bool, *flags: bool) -> Tensor:
    """Without values: (n, m) numbers for each of ``first`` with each of ``second``, or (n,) of ``aligned`` ones."""
    return first.new_empty((first.size(0),) if aligned else (first.size(0), second.size(0)))
