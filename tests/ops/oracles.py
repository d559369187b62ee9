"""Independent truths for the operations, and boxes to try them on."""

import math

import numpy as np
import shapely
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.helpers.exact import corners, exact_areas, exact_overlap
from tests.helpers.reference import GOLDEN

__all__ = [
    'exact_areas',
    'exact_nms',
    'exact_overlap',
    'exact_overlaps',
    'golden',
    'hard_pairs',
    'property_test',
    'random_boxes',
    'shapely_overlap',
    'wild_boxes',
]

# the backend fixture holds one value during all examples
property_test = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


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


def shapely_overlap(box1, box2, mode='iou'):
    """Overlap of two boxes; shapely finds none where edges all but coincide."""
    origin = np.array([float(box1[0]), float(box1[1])])
    p, q = (shapely.Polygon(corners(box, origin)) for box in (box1, box2))
    shared = p.intersection(q).area
    return shared / (p.area if mode == 'iof' else p.area + q.area - shared)


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
FAMILIES = [*('identical', 'nearly identical', 'turned', 'touching', 'corner'), *('contained', 'crossing', 'any')]


@st.composite
def hard_pairs(draw, offsets=(0.0, 1e6)):
    """Two boxes (5,) of float64: tiny, huge, needle-thin, far from the origin, at range ends."""
    scale = draw(st.sampled_from([1e-3, 1.0, 30.0, 1e5]))
    ratio = draw(st.sampled_from([1.0, 0.3, 1e-3]))
    pair = torch.tensor(_pair(draw, scale, ratio, draw(st.sampled_from(FAMILIES))), dtype=torch.float64)
    pair[:, :2] += draw(st.sampled_from(offsets))
    return pair[0], pair[1]


@st.composite
def wild_boxes(draw, width):
    """Boxes (3, 5) of any numbers there are: not finite, the largest, the least."""
    numbers = st.one_of(st.floats(width=width), st.floats(-100, 100, width=width), st.sampled_from([0.0, 1.0]))
    dtype = torch.float64 if width == 64 else torch.float32
    values = draw(st.lists(numbers, min_size=15, max_size=15))
    return torch.tensor(values, dtype=dtype).view(3, 5)
