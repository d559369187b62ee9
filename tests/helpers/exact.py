"""Overlap of two boxes in rational numbers: the truth where others round."""

import math
from fractions import Fraction

import numpy as np


def corners(box, origin):
    """Corners (4, 2) of a box (5,) with its angle clockwise on the screen, moved by -origin."""
    x, y, w, h, theta = (float(v) for v in box)
    u = np.array([math.cos(theta), math.sin(theta)]) * w / 2
    v = np.array([-math.sin(theta), math.cos(theta)]) * h / 2
    centre = np.array([x, y]) - origin
    return np.array([centre - u - v, centre + u - v, centre + u + v, centre - u + v])


def _area(points):
    pairs = zip(points, points[1:] + points[:1], strict=True)
    return sum((p[0] * q[1] - p[1] * q[0] for p, q in pairs), Fraction(0)) / 2


def _clip(points, a, b):
    """What of a convex polygon lies to the left of the line from a to b."""
    sides = [(b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]) for p in points]
    kept = []
    for i, (p, side) in enumerate(zip(points, sides, strict=True)):
        before, side_before = points[i - 1], sides[i - 1]
        if side * side_before < 0:
            t = side_before / (side_before - side)
            kept.append(tuple(before[k] + t * (p[k] - before[k]) for k in (0, 1)))
        if side >= 0:
            kept.append(p)
    return kept


def exact_areas(box1, box2):
    """Areas of two boxes and of what they share, in rational numbers: nothing is rounded."""
    origin = np.array([float(box1[0]), float(box1[1])])
    p, q = ([(Fraction(x), Fraction(y)) for x, y in corners(box, origin).tolist()] for box in (box1, box2))
    shared = p
    for i in range(4):
        shared = _clip(shared, q[i - 1], q[i])
    return _area(p), _area(q), _area(shared)


def exact_overlap(box1, box2, mode='iou'):
    """Overlap of two boxes in any position."""
    area1, area2, shared = exact_areas(box1, box2)
    return float(shared / (area1 if mode == 'iof' else area1 + area2 - shared))


def exact_hull(points):
    """Corners of the convex hull of rows x, y, rational, in the sense of positive area."""
    points = sorted({(Fraction(float(x)), Fraction(float(y))) for x, y in points})
    if len(points) < 3:
        return points

    def chain(points):
        kept = []
        for p in points:
            while len(kept) > 1 and _area([kept[-2], kept[-1], p]) <= 0:
                kept.pop()
            kept.append(p)
        return kept[:-1]

    return chain(points) + chain(points[::-1])


def exact_hull_areas(points1, points2):
    """Areas of the hulls of two sets of points, of what they share, and of the hull of both."""
    p, q = exact_hull(points1), exact_hull(points2)
    shared = p
    for i in range(len(q)):
        shared = _clip(shared, q[i - 1], q[i])
    both = exact_hull([*points1, *points2])
    return tuple(_area(corners) if len(corners) > 2 else Fraction(0) for corners in (p, q, shared, both))
