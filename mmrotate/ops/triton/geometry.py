"""Geometry that the kernels share: the method of ``mmrotate/ops/geometry.py``, in float64."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from mmrotate.ops.geometry import valid_boxes

# no fused multiply-adds: a GPU then rounds as the CPU does, and NMS keeps the same boxes
ROUNDING = dict(enable_fp_fusion=False)


def prepare(boxes: Tensor, clockwise: bool) -> Tensor:
    """Boxes (n, 5) as a table (7, n) of float64: centre, half sides, direction of w, radius.

    The radius of a box without an area, or not finite, is -1.
    """
    wide = boxes.double()
    good = valid_boxes(wide)
    x, y, w, h, theta = torch.where(good[:, None], wide, 0).T
    theta = theta if clockwise else -theta
    radius = torch.where(good, torch.hypot(w, h) / 2, -1)
    return torch.stack([x, y, w / 2, h / 2, theta.cos(), theta.sin(), radius])


@triton.jit
def load_boxes(table, index, count):
    """Fields of the boxes at ``index``; beyond ``count`` boxes without an area."""
    mask = index < count
    x = tl.load(table + index, mask=mask, other=0.0)
    y = tl.load(table + count + index, mask=mask, other=0.0)
    a = tl.load(table + 2 * count + index, mask=mask, other=0.0)
    b = tl.load(table + 3 * count + index, mask=mask, other=0.0)
    cos = tl.load(table + 4 * count + index, mask=mask, other=1.0)
    sin = tl.load(table + 5 * count + index, mask=mask, other=0.0)
    radius = tl.load(table + 6 * count + index, mask=mask, other=-1.0)
    return x, y, a, b, cos, sin, radius


@triton.jit
def circles_meet(x, y, radius, x2, y2, radius2):
    """Whether the circumscribed circles meet: no other boxes overlap."""
    dx, dy, reach = x2 - x, y2 - y, radius + radius2
    return (dx * dx + dy * dy < reach * reach) & (radius >= 0) & (radius2 >= 0)


@triton.jit
def _clamp(value, limit):
    return tl.minimum(tl.maximum(value, -limit), limit)


@triton.jit
def _unit(value):
    return tl.minimum(tl.maximum(value, 0.0), 1.0)


@triton.jit
def _clamped_edge(px, py, qx, qy, a, b):
    """Integral over x in [-a, a] of the y of an edge p -> q, clamped to [-b, b]."""
    x0, x1 = _clamp(px, a), _clamp(qx, a)
    run = qx - px
    slope = (qy - py) / tl.where(run == 0, 1.0, run)
    y0 = tl.where(px == x0, py, py + (x0 - px) * slope)
    y1 = tl.where(qx == x1, qy, qy + (x1 - qx) * slope)
    rise = y1 - y0
    safe = tl.where(rise == 0, 1.0, rise)
    # where the edge leaves the band, as shares of the way
    u, v = (-b - y0) / safe, (b - y0) / safe
    t0 = tl.where(rise == 0, 0.0, _unit(tl.minimum(u, v)))
    t1 = tl.where(rise == 0, 1.0, _unit(tl.maximum(u, v)))
    c0, m0 = _clamp(y0, b), _clamp(y0 + rise * t0, b)
    m1, c1 = _clamp(y0 + rise * t1, b), _clamp(y1, b)
    return (x1 - x0) * 0.5 * ((c0 + m0) * t0 + (m0 + m1) * (t1 - t0) + (m1 + c1) * (1 - t1))


@triton.jit
def relative(x, y, cos, sin, x2, y2, cos2, sin2):
    """Centre and direction of the second box in the frame of the first."""
    ox, oy = x2 - x, y2 - y
    dx, dy = ox * cos + oy * sin, oy * cos - ox * sin
    return dx, dy, cos2 * cos + sin2 * sin, sin2 * cos - cos2 * sin


@triton.jit
def shared_area(dx, dy, c, s, a, b, a2, b2):
    """Area that boxes of half sides (a, b) and (a2, b2) share; exactly 0 for boxes apart."""
    ux, uy, vx, vy = a2 * c, a2 * s, -b2 * s, b2 * c
    x0, y0, x1, y1 = dx - ux - vx, dy - uy - vy, dx + ux - vx, dy + uy - vy
    x2, y2, x3, y3 = dx + ux + vx, dy + uy + vy, dx - ux + vx, dy - uy + vy
    area = _clamped_edge(x0, y0, x1, y1, a, b) + _clamped_edge(x1, y1, x2, y2, a, b)
    area += _clamped_edge(x2, y2, x3, y3, a, b) + _clamped_edge(x3, y3, x0, y0, a, b)
    area = tl.minimum(tl.abs(area), 4 * tl.minimum(a * b, a2 * b2))
    ac, as_ = tl.abs(c), tl.abs(s)
    apart = (tl.abs(dx) >= a + a2 * ac + b2 * as_) | (tl.abs(dy) >= b + a2 * as_ + b2 * ac)
    apart = apart | (tl.abs(dx * c + dy * s) >= a2 + a * ac + b * as_)
    apart = apart | (tl.abs(dy * c - dx * s) >= b2 + a * as_ + b * ac)
    return tl.where(apart, 0.0, area)


@triton.jit
def _further_cross(fx, fy, px, py, qx, qy, nx, ny):
    """The further of corners p and q in direction n, and its cross product with corner f."""
    first = (px - qx) * nx + (py - qy) * ny >= 0
    x, y = tl.where(first, px, qx), tl.where(first, py, qy)
    return x, y, fx * y - fy * x


@triton.jit
def hull_area(dx, dy, c, s, a, b, a2, b2):
    """Area of the convex hull around both boxes; see the plain definition for the idea."""
    swap = c * s < 0
    ac, as_ = tl.abs(c), tl.abs(s)
    c, s = tl.where(swap, as_, ac), tl.where(swap, ac, as_)
    w, h = tl.where(swap, b2, a2), tl.where(swap, a2, b2)
    ux, uy, vx, vy = w * c, w * s, -h * s, h * c
    zero, one = c * 0, c * 0 + 1
    sum_ = zero
    # the corner before the first: the furthest along x of the last pair
    first = (a - (dx + ux - vx)) >= 0
    fx, fy = tl.where(first, a, dx + ux - vx), tl.where(first, -b, dy + uy - vy)
    # signs of a quadrant and of the one before, and a normal of each box; they turn by a right angle each time
    sx, sy, tx, ty = 1, 1, 1, -1
    nx, ny, mx, my = one, zero, c, s
    for _ in tl.static_range(4):
        px, py = sx * a, sy * b
        qx, qy = dx + sx * ux + sy * vx, dy + sx * uy + sy * vy
        rx, ry = dx + tx * ux + ty * vx, dy + tx * uy + ty * vy
        fx, fy, part = _further_cross(fx, fy, px, py, rx, ry, nx, ny)
        sum_ += part
        fx, fy, part = _further_cross(fx, fy, px, py, rx, ry, mx, my)
        sum_ += part
        fx, fy, part = _further_cross(fx, fy, px, py, qx, qy, mx, my)
        sum_ += part
        nx, ny, mx, my = -ny, nx, -my, mx
        fx, fy, part = _further_cross(fx, fy, px, py, qx, qy, nx, ny)
        sum_ += part
        sx, sy, tx, ty = -sy, sx, -ty, tx
    return 0.5 * sum_


@triton.jit
def overlap(shared, area, area2, iof: tl.constexpr):
    """Overlap in [0, 1] of boxes of two areas that share one; 0 for boxes without an area."""
    base = area if iof else area + area2 - shared
    good = (area > 0) & (area2 > 0)
    return tl.where(good, _unit(shared / tl.where(good, base, 1.0)), 0.0)
