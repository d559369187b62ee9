"""Arrays that the reference computed."""

from fractions import Fraction
from functools import cache
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from tests.helpers.reference import GOLDEN

VERSIONS = ('oc', 'le90', 'le135')


@cache
def _arrays() -> np.lib.npyio.NpzFile:
    return np.load(GOLDEN / 'ops.npz')


def array(name: str) -> np.ndarray:
    """The array ``OPERATION/NAME``."""
    return _arrays()[name]


def tensor(name: str) -> Tensor:
    """The same as a tensor of its own."""
    return torch.from_numpy(array(name).copy())


def random_boxes(count: int, seed: int = 0, spread: float = 200.0) -> Tensor:
    """Boxes (count, 5): centres in a square, sides of 4 to 60 px, any angle."""
    rng = np.random.RandomState(seed)
    low, high = (0, 0, 4, 4, -np.pi), (spread, spread, 60, 60, np.pi)
    return torch.from_numpy(rng.uniform(low, high, (count, 5)).astype(np.float32))


Point = tuple[Fraction, Fraction]


def _corners(box: np.ndarray, origin: np.ndarray) -> list[Point]:
    """Corners of a box (5,) relative to a point, as exact numbers from here on."""
    x, y, w, h, theta = np.asarray(box, np.float64) - origin
    cos, sin = np.cos(theta), np.sin(theta)
    offsets = [(-w / 2, -h / 2), (w / 2, -h / 2), (w / 2, h / 2), (-w / 2, h / 2)]
    return [(Fraction(x + u * cos - v * sin), Fraction(y + u * sin + v * cos)) for u, v in offsets]


def _cross(o: Point, a: Point, b: Point) -> Fraction:
    return (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0])


def _area(points: list[Point]) -> Fraction:
    return sum((_cross(points[0], *pair) for pair in pairwise(points[1:])), Fraction(0)) / 2


def _clip(points: list[Point], a: Point, b: Point) -> list[Point]:
    """The part of a polygon to the left of the line from a to b (Sutherland and Hodgman)."""
    out: list[Point] = []
    for p, q in zip(points, points[1:] + points[:1], strict=True):
        side_p, side_q = _cross(a, b, p), _cross(a, b, q)
        if side_p >= 0:
            out.append(p)
        if side_p * side_q < 0:
            t = side_p / (side_p - side_q)
            out.append((p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])))
    return out


def polygon_overlap(first: np.ndarray, second: np.ndarray, mode: str = 'iou') -> float:
    """Overlap of two boxes (5,) by polygon clipping in exact fractions."""
    origin = np.array([*np.asarray(first, np.float64)[:2], 0, 0, 0])
    a, b = _corners(first, origin), _corners(second, origin)
    shared = b
    for p, q in zip(a, a[1:] + a[:1], strict=True):
        shared = _clip(shared, p, q) if shared else shared
    inside = _area(shared) if shared else Fraction(0)
    return float(inside / (_area(a) if mode == 'iof' else _area(a) + _area(b) - inside))
