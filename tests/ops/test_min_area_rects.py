"""Rectangles around quadrilaterals: OpenCV's, in C++ and where there is none."""

import math

import cv2
import numpy as np
import pytest

from mmrotate.ops.min_area_rects import min_area_rects

COUNT = 2000


def rectangles(rng, decimals=9, low=3.0, high=100.0, square=False):
    x, y, w, h, t = rng.uniform([0, 0, low, low, -math.pi], [1000, 1000, high, high, math.pi], (COUNT, 5)).T
    if square:
        h = w
    c, s = np.cos(t) / 2, np.sin(t) / 2
    ends = ((-w, -h), (w, -h), (w, h), (-w, h))
    return np.stack([v for a, b in ends for v in (x + a * c - b * s, y + a * s + b * c)], 1).round(decimals)


def upright(rng):
    left, top, w, h = rng.integers(1, 50, (4, COUNT))
    return np.stack([left, top, left + w, top, left + w, top + h, left, top + h], 1)


SETS = {
    'rectangles': rectangles,
    'with decimals': lambda rng: rectangles(rng, 2),
    'of whole pixels': lambda rng: rectangles(rng, 0),
    'counter-clockwise': lambda rng: rectangles(rng, 1)[:, [0, 1, 6, 7, 4, 5, 2, 3]],
    'squares': lambda rng: rectangles(rng, 3, square=True),
    'slivers': lambda rng: rectangles(rng, 2, 1e-3, 1e3),
    'upright': upright,
    'parallelograms': lambda rng: (lambda p: np.c_[p, p[:, 4:6] + p[:, :2] - p[:, 2:4]])(
        rng.integers(0, 40, (COUNT, 6))
    ),
    'any': lambda rng: rng.uniform(-50, 50, (COUNT, 8)),
    # dented, crossing, in a line, the same point again and again
    'of few places': lambda rng: rng.integers(0, 5, (COUNT, 8)),
}


def opencv(quads):
    """x, y, w, h, theta with theta in (0, pi / 2]."""
    rows = []
    for quad in np.float32(quads).reshape(-1, 4, 2):
        (x, y), (w, h), degrees = cv2.minAreaRect(quad)
        while not 0 < degrees <= 90:
            degrees, w, h = degrees + (90 if degrees <= 0 else -90), h, w
        rows.append((x, y, w, h, math.radians(degrees)))
    return np.array(rows)


@pytest.mark.parametrize('name', SETS)
@pytest.mark.parametrize('backend', ['default', 'torch'])
def test_rectangles_are_those_of_opencv(name, backend, monkeypatch):
    if backend == 'torch':
        monkeypatch.setenv('MMROTATE_OPS_BACKEND', 'torch')
    quads = SETS[name](np.random.default_rng())
    found, expected = min_area_rects(quads), opencv(quads)
    np.testing.assert_array_equal(found[:, :4], expected[:, :4])
    np.testing.assert_allclose(found[:, 4], expected[:, 4], rtol=0, atol=2e-7)


def test_no_quadrilaterals_have_no_rectangles():
    assert min_area_rects(np.zeros((0, 8))).shape == (0, 5)
