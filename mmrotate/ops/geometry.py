"""The geometry of the operations in plain PyTorch: their readable definition.

The area that two boxes share is found without a list of vertices. In the frame of the first box it
is the rectangle ``|x| <= a, |y| <= b``; summed over the edges of the second box, the integral of y
clamped to ``[-b, b]``, over x within ``[-a, a]``, is the area inside: at every x it takes the
clamped extent between the upper and the lower edge. Every term is at most the rectangle's own area,
so nothing large cancels.
"""

import torch
from torch import Tensor


def wide(tensor: Tensor) -> Tensor:
    """As float64: one box may be 1e8 times another. Apple's GPUs have none; there, float32."""
    return tensor.to(torch.float32 if tensor.device.type == 'mps' else torch.float64)


def _clamped_edges(px: Tensor, py: Tensor, qx: Tensor, qy: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Integral over x in [-a, a] of the y of edges p -> q, clamped to [-b, b]; shapes broadcast."""
    x0, x1 = px.clamp(-a, a), qx.clamp(-a, a)
    run = qx - px
    slope = (qy - py) / torch.where(run == 0, torch.ones_like(run), run)
    y0, y1 = py + (x0 - px) * slope, qy + (x1 - qx) * slope
    rise = y1 - y0
    safe = torch.where(rise == 0, torch.ones_like(rise), rise)
    # where the edge leaves the band, as shares of the way
    low, high = (-b - y0) / safe, (b - y0) / safe
    t0 = torch.minimum(low, high).clamp(0, 1)
    t1 = torch.maximum(low, high).clamp(0, 1)
    heights = [y.clamp(-b, b) for y in (y0, y0 + rise * t0, y0 + rise * t1, y1)]
    steps = (t0, t1 - t0, 1 - t1)
    parts = [(heights[i] + heights[i + 1]) * step for i, step in enumerate(steps)]
    return (x1 - x0) * 0.5 * (parts[0] + parts[1] + parts[2])


def intersection_area(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Area that boxes (..., 5) share with boxes (..., 5); shapes broadcast."""
    x, y, w, h, theta = boxes1.unbind(-1)
    x2, y2, w2, h2, theta2 = boxes2.unbind(-1)
    a, b = w / 2, h / 2
    cos, sin = theta.cos(), theta.sin()
    ox, oy = x2 - x, y2 - y
    dx, dy = ox * cos + oy * sin, oy * cos - ox * sin
    a2, b2 = w2 / 2, h2 / 2
    turn = theta2 - theta
    c, s = turn.cos(), turn.sin()
    ux, uy, vx, vy = a2 * c, a2 * s, -b2 * s, b2 * c
    xs = (dx - ux - vx, dx + ux - vx, dx + ux + vx, dx - ux + vx)
    ys = (dy - uy - vy, dy + uy - vy, dy + uy + vy, dy - uy + vy)
    area = torch.zeros_like(dx)
    for i in range(4):
        j = (i + 1) % 4
        area = area + _clamped_edges(xs[i], ys[i], xs[j], ys[j], a, b)
    area = torch.minimum(area.abs(), torch.minimum(w * h, w2 * h2))
    # apart along a side of one of them: exactly 0, not the rounding of the sum
    ac, as_ = c.abs(), s.abs()
    apart = (dx.abs() >= a + a2 * ac + b2 * as_) | (dy.abs() >= b + a2 * as_ + b2 * ac)
    apart |= (dx * c + dy * s).abs() >= a2 + a * ac + b * as_
    apart |= (dy * c - dx * s).abs() >= b2 + a * as_ + b * ac
    return torch.where(apart, torch.zeros_like(area), area)


def hull_area(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Area of the convex hulls around pairs of boxes (..., 5); shapes broadcast.

    As a direction turns once around, the corner of a box that lies furthest in it changes at the
    box's four normals only. Between two neighbours of the eight normals each box has one such
    corner, and the hull has one of the two or passes from one to the other: the furthest at both
    ends, in order, are the hull's corners.
    """
    boxes1, boxes2 = torch.broadcast_tensors(boxes1, boxes2)
    x, y, w, h, theta = boxes1.unbind(-1)
    x2, y2, w2, h2, theta2 = boxes2.unbind(-1)
    cos, sin = theta.cos(), theta.sin()
    ox, oy = x2 - x, y2 - y
    centre = torch.stack([ox * cos + oy * sin, oy * cos - ox * sin], -1)
    # the same box, turned by less than a right angle
    c, s = (theta2 - theta).cos(), (theta2 - theta).sin()
    swap = c * s < 0
    c, s = torch.where(swap, s.abs(), c.abs()), torch.where(swap, c.abs(), s.abs())
    w2, h2 = torch.where(swap, h2, w2), torch.where(swap, w2, h2)
    along, across = torch.stack([c, s], -1), torch.stack([-s, c], -1)
    u, v = along * w2[..., None] / 2, across * h2[..., None] / 2
    half = torch.stack([w, h], -1) / 2
    signs = half.new_tensor([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    p = [half * sign for sign in signs]
    q = [centre + u * sign[0] + v * sign[1] for sign in signs]
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

    They are in [0, 1], for ``'giou'`` in [-1, 1]. Boxes without an area, or not finite, get the
    least: they overlap nothing.
    """
    first, second = wide(boxes1), wide(boxes2)
    valid1, valid2 = valid_boxes(first), valid_boxes(second)
    good = valid1 & valid2
    unit = first.new_tensor([0, 0, 1, 1, 0])
    first = torch.where(valid1[..., None], first, unit)
    second = torch.where(valid2[..., None], second, unit)
    shared = intersection_area(first, second)
    area = first[..., 2] * first[..., 3]
    both = area + second[..., 2] * second[..., 3] - shared
    overlap = (shared / (area if mode == 'iof' else both)).clamp(0, 1)
    if mode == 'giou':
        overlap = overlap - (1 - both / hull_area(first, second)).clamp(0, 1)
    return torch.where(good, overlap, -1.0 if mode == 'giou' else 0.0)


def touching(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Mask (...) of the pairs whose circumscribed circles meet: no others overlap."""
    first, second = wide(boxes1), wide(boxes2)
    reach = (first[..., 2:4].norm(dim=-1) + second[..., 2:4].norm(dim=-1)) / 2
    dx, dy = first[..., 0] - second[..., 0], first[..., 1] - second[..., 1]
    return dx * dx + dy * dy < reach * reach
