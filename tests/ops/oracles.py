"""Independent truths for the operations, and boxes to try them on."""

import math
from fractions import Fraction

import numpy as np
import shapely
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.helpers.reference import GOLDEN

# the backend fixture holds one value during all examples
property_test = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def golden(name):
    """Arrays of a function in the reference values, as tensors."""
    with np.load(GOLDEN / 'ops.npz') as arrays:
        keys = [key for key in arrays.files if key.startswith(f'{name}/')]
        assert keys, name
        return {key.split('/')[1]: torch.from_numpy(arrays[key]) for key in keys}


def random_boxes(count, size=200.0, low=5.0, high=60.0, dtype=torch.float32):
    """Boxes (count, 5) spread over a square of ``size`` pixels."""
    u = torch.rand(count, 5, dtype=torch.float64)
    sides = low + u[:, 2:4] * (high - low)
    boxes = torch.cat([u[:, :2] * size, sides, (u[:, 4:] * 2 - 1) * math.pi], 1)
    return boxes.to(dtype)


def corners(box, origin):
    """Corners (4, 2) of a box (5,) with its angle clockwise on the screen, moved by -origin."""
    x, y, w, h, theta = (float(v) for v in box)
    u = np.array([math.cos(theta), math.sin(theta)]) * w / 2
    v = np.array([-math.sin(theta), math.cos(theta)]) * h / 2
    centre = np.array([x, y]) - origin
    return np.array([centre - u - v, centre + u - v, centre + u + v, centre - u + v])


def shapely_overlap(box1, box2, mode='iou'):
    """Overlap of two boxes; shapely finds none where edges all but coincide."""
    origin = np.array([float(box1[0]), float(box1[1])])
    p, q = (shapely.Polygon(corners(box, origin)) for box in (box1, box2))
    shared = p.intersection(q).area
    return shared / (p.area if mode == 'iof' else p.area + q.area - shared)


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
    p, q = (
        [(Fraction(x), Fraction(y)) for x, y in corners(box, origin).tolist()]
        for box in (box1, box2)
    )
    shared = p
    for i in range(4):
        shared = _clip(shared, q[i - 1], q[i])
    return _area(p), _area(q), _area(shared)


def exact_overlap(box1, box2, mode='iou'):
    """Overlap of two boxes in any position."""
    area1, area2, shared = exact_areas(box1, box2)
    return float(shared / (area1 if mode == 'iof' else area1 + area2 - shared))


def exact_overlaps(boxes1, boxes2, mode='iou'):
    """Overlaps (n, m) of float64, of boxes in a general position."""
    rows = [[shapely_overlap(a, b, mode) for b in boxes2] for a in boxes1]
    return torch.tensor(rows, dtype=torch.float64).reshape(len(boxes1), len(boxes2))


def exact_nms(boxes, scores, threshold, labels=None):
    """Indices to keep, best first: the plain loop."""
    keep = []
    for i in sorted(range(len(boxes)), key=lambda i: -float(scores[i])):
        rivals = [j for j in keep if labels is None or labels[i] == labels[j]]
        if all(shapely_overlap(boxes[j], boxes[i]) <= threshold for j in rivals):
            keep.append(i)
    return keep


def _pair(draw, scale, ratio, family):
    """Two boxes of sides about ``scale``, in a hard position to each other."""
    unit = st.floats(-1, 1, width=32)
    w, h = scale, scale * ratio
    theta = draw(st.one_of(unit.map(lambda v: v * math.pi), st.sampled_from(RANGE_ENDS)))
    first = [0.0, 0.0, w, h, theta]
    if family == 'identical':
        return first, list(first)
    if family == 'nearly identical':
        return first, [v + 1e-6 * scale * draw(unit) for v in first[:4]] + [theta + 1e-7]
    if family == 'turned':
        return first, [0.0, 0.0, w, h, theta + draw(st.sampled_from(RANGE_ENDS))]
    if family == 'touching':  # along the side w
        return first, [w * math.cos(theta), w * math.sin(theta), w, h, theta]
    if family == 'corner':  # both move: along the side w and along the side h
        cos, sin = math.cos(theta), math.sin(theta)
        return first, [w * cos - h * sin, w * sin + h * cos, w, h, theta]
    if family == 'contained':
        return first, [0.0, 0.0, w / 3, h / 3, theta + draw(unit)]
    if family == 'crossing':
        return first, [0.0, 0.0, w, h, theta + math.pi / 2]
    return first, [w * draw(unit), w * draw(unit), h, w, math.pi * draw(unit)]


RANGE_ENDS = [0.0, math.pi / 2, -math.pi / 2, math.pi / 4, -math.pi / 4, 3 * math.pi / 4, math.pi]
FAMILIES = [
    *('identical', 'nearly identical', 'turned', 'touching', 'corner'),
    *('contained', 'crossing', 'any'),
]


@st.composite
def hard_pairs(draw, offsets=(0.0, 1e6)):
    """Two boxes (5,) of float64: tiny, huge, needle-thin, far from the origin, at range ends."""
    scale = draw(st.sampled_from([1e-3, 1.0, 30.0, 1e5]))
    ratio = draw(st.sampled_from([1.0, 0.3, 1e-3]))
    pair = torch.tensor(
        _pair(draw, scale, ratio, draw(st.sampled_from(FAMILIES))), dtype=torch.float64
    )
    pair[:, :2] += draw(st.sampled_from(offsets))
    return pair[0], pair[1]
