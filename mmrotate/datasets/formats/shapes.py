"""The two shapes of an object, four corners and a turned box, and what of the one the other cannot be; float64."""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from mmrotate.core.bbox import polys2obb_np

Shape = Sequence[float]  # x1, y1 ... x4, y4, or x, y, w, h, angle (radians, clockwise on the screen); pixels
# how far a corner may lie from that of a rectangle, in pixels
TOLERANCE = 0.01
_NEXT = [1, 2, 3, 0]


def corners(shape: Shape) -> list[float]:
    """The corners (8 values) of a shape; of a box clockwise, from its top left if it is not turned."""
    if len(shape) == 8:
        return list(shape)
    x, y, w, h, angle = shape
    cos, sin = math.cos(angle) / 2, math.sin(angle) / 2
    ends = ((-w, -h), (w, -h), (w, h), (-w, h))
    return [value for a, b in ends for value in (x + a * cos - b * sin, y + a * sin + b * cos)]


def front_first(shape: Shape, heading: float) -> list[float]:
    """The corners of a shape, from the first of the side that a heading, in radians, points to."""
    points = np.reshape(corners(shape), (4, 2))
    middles = (points + np.roll(points, -1, 0)) / 2 - points.mean(0)
    directions = middles / np.linalg.norm(middles, axis=1, keepdims=True).clip(1e-9)
    first = int((directions @ (math.cos(heading), math.sin(heading))).argmax())
    return [float(value) for value in np.roll(points, -first, 0).ravel()]


def box(shape: Shape) -> list[float]:
    """The box (x, y, w, h, angle in [-pi, pi]) of a shape: the width runs from its first corner to the second.

    What is no rectangle gets the box that the version 'le90' reads from it.
    """
    if len(shape) == 5:
        return list(shape)
    if is_rectangle(shape):
        x1, y1, x2, y2, x3, y3 = shape[:6]
        angle = math.atan2(y2 - y1, x2 - x1) if (x1, y1) != (x2, y2) else math.atan2(y3 - y2, x3 - x2) - math.pi / 2
        return [sum(shape[::2]) / 4, sum(shape[1::2]) / 4, math.dist((x1, y1), (x2, y2)), math.dist((x2, y2), (x3, y3)),
                angle]  # fmt: skip
    found: list[float] = polys2obb_np(np.array([shape]), 'le90')[0][0].tolist()
    return found


def quadrilateral(values: Sequence[float]) -> list[float]:
    """The corners of a polygon x1, y1, x2 ...: its four points, or the smallest turned box around any other number.

    Raises:
        ValueError: fewer than three points.
    """
    if len(values) == 8:
        return list(values)
    if len(values) < 6:
        raise ValueError(f'a polygon of {len(values) // 2} points; at least three are needed')
    if len(values) % 2:
        raise ValueError(f'a polygon of {len(values)} values; an even number is needed')
    points = np.reshape(values, (-1, 2))
    near = (points - points[0]).astype(np.float32)  # float32 is fine near 0 only
    found: list[float] = (cv2.boxPoints(cv2.minAreaRect(near)) + points[0]).ravel().tolist()
    return found


def upright(shape: Shape) -> tuple[float, float, float, float]:
    """The upright box around a shape: left, top, right, bottom."""
    points = corners(shape)
    return min(points[::2]), min(points[1::2]), max(points[::2]), max(points[1::2])


def is_rectangle(shape: Shape) -> bool:
    """Whether a box is all that the shape is, to :data:`TOLERANCE`."""
    if len(shape) == 5:
        return True
    x1, y1, x2, y2, x3, y3, x4, y4 = shape
    if max(abs(x1 + x3 - x2 - x4), abs(y1 + y3 - y2 - y4)) > TOLERANCE:
        return False
    # the diagonals halve each other; in a rectangle they are as long as each other
    return abs(math.dist((x1, y1), (x3, y3)) - math.dist((x2, y2), (x4, y4))) <= TOLERANCE


def is_upright(shape: Shape) -> bool:
    """Whether the upright box around a shape is all that it is, to :data:`TOLERANCE`."""
    left, top, right, bottom = upright(shape)
    points = corners(shape)
    near = [
        min(abs(x - left), abs(x - right)) <= TOLERANCE and min(abs(y - top), abs(y - bottom)) <= TOLERANCE
        for x, y in zip(points[::2], points[1::2], strict=True)
    ]
    return all(near) and is_rectangle(shape)


def area(shape: Shape) -> float:
    """Area in pixels."""
    if len(shape) == 5:
        return shape[2] * shape[3]
    xs, ys = shape[::2], shape[1::2]
    return abs(sum(xs[i - 1] * ys[i] - xs[i] * ys[i - 1] for i in range(4))) / 2


def uncross(polygons: np.ndarray) -> np.ndarray:
    """Quadrilaterals (n, 8) whose sides cross, with their corners in an order around them; others stay as they are.

    Boxes are made from the sides, so corners that come row by row would give another box than those around it.
    """
    x, y = (np.ascontiguousarray(polygons[:, i::2].T, np.float64) for i in (0, 1))
    dx, dy = x[_NEXT] - x, y[_NEXT] - y
    turns = dx * dy[_NEXT] - dy * dx[_NEXT]
    # a quadrilateral whose sides cross turns twice to each hand, a dented one once to one of them
    crossed = ((turns > 0).sum(0) == 2) & ((turns < 0).sum(0) == 2)
    if not crossed.any():
        return polygons
    corners = np.stack([x[:, crossed], y[:, crossed]], 2).swapaxes(0, 1)
    out = corners - corners.mean(1, keepdims=True)
    angles = np.arctan2(out[..., 1], out[..., 0])
    order = np.argsort((angles - angles[:, :1]) % (2 * math.pi), 1)  # the first stays the first
    polygons = polygons.copy()
    polygons[crossed] = np.take_along_axis(corners, order[..., None], 1).reshape(-1, 8)
    return polygons
