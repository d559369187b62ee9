import importlib
import math

import numpy as np
import pytest
import torch
from hypothesis import given

from mmrotate.ops import convex_hull
from tests.helpers.exact import exact_hull
from tests.ops.oracles import property_test
from tests.ops.point_sets import hard_sets, random_points, shapely_hull

op = importlib.import_module('mmrotate.ops.polygon')


@pytest.mark.parametrize('k', [3, 4, 9, 60])
def test_shapely_agrees(backend, k):
    points = random_points(30, k, dtype=torch.float64).view(30, k, 2)
    hulls, counts = convex_hull(points)
    assert hulls.shape == (30, k, 2)
    for hull, count, row in zip(hulls, counts, points, strict=True):
        expected = np.array(shapely_hull(row).exterior.coords)[:-1]
        assert {tuple(p) for p in hull[:count].tolist()} == {tuple(p) for p in expected.tolist()}
        assert torch.equal(hull[count:], hull[count - 1].expand(k - count, 2))


@property_test
@given(hard_sets(9))
def test_hard_sets_are_exact(backend, pair):
    # whole numbers: no rounding can tell what is in a line
    points = (pair[0].view(1, 9, 2) * 8).round().clamp(-1e8, 1e8)
    hull, count = convex_hull(points)
    expected = exact_hull(points[0].tolist())
    assert hull[0, :count].tolist() == [[float(x), float(y)] for x, y in expected]


def test_degenerate_sets(backend):
    one = torch.tensor([2.0, 3.0]).repeat(1, 5, 1)
    line = torch.tensor([[[1.0, 1], [3, 3], [0, 0], [2, 2], [3, 3]]])
    upright = line * torch.tensor([0.0, 1.0])
    square = torch.tensor([[[0.0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0]]])
    hulls, counts = convex_hull(torch.cat([one, line, upright, square]))
    assert counts.tolist() == [1, 2, 2, 4]
    assert hulls[1, :2].tolist() == [[0, 0], [3, 3]]
    assert hulls[2, :2].tolist() == [[0, 0], [0, 3]]
    assert hulls[3, :4].tolist() == [[0, 0], [1, 0], [1, 1], [0, 1]]


@pytest.mark.parametrize('bad', [math.nan, math.inf, -math.inf])
def test_not_finite(backend, bad):
    points = random_points(2, 9).view(2, 9, 2)
    points[0, 4, 1] = bad
    counts = convex_hull(points)[1].tolist()
    assert counts[0] == 0
    assert counts[1] > 2


def test_the_gradient_passes_to_the_corners(backend):
    points = torch.tensor([[[0.0, 0], [4, 0], [2, 1], [0, 4]]], requires_grad=True)
    hull, count = convex_hull(points)
    hull[0, : count[0]].sum().backward()
    assert points.grad.sum(2).tolist() == [[2, 2, 0, 2]]


def test_empty_strides_and_half_precision(backend):
    hulls, counts = convex_hull(torch.zeros(0, 9, 2))
    assert hulls.shape == (0, 9, 2)
    assert counts.shape == (0,)
    points = random_points(20, 9).view(20, 9, 2)
    turned = points.permute(2, 0, 1).contiguous().permute(1, 2, 0)
    assert torch.equal(convex_hull(turned)[0], convex_hull(points)[0])
    half = convex_hull(points.half())
    assert half[0].dtype == torch.float16
    assert torch.equal(half[1], convex_hull(points.half().float())[1])


@pytest.mark.parametrize(
    ('points', 'message'),
    [
        (torch.zeros(3, 2), r'got \(3, 2\)'),
        (torch.zeros(3, 4, 3), r'got \(3, 4, 3\)'),
        (torch.zeros(3, 0, 2), r'k >= 1, got \(3, 0, 2\)'),
        (torch.zeros(3, 4, 2).long(), r'got torch\.int64'),
    ],
)
def test_bad_input(points, message):
    with pytest.raises(ValueError, match=message):
        convex_hull(points)


def test_registration(backend):
    torch.library.opcheck(op._op, (random_points(4, 9).view(4, 9, 2),))


def test_compiles_as_one_graph(backend):
    points = random_points(4, 9).view(4, 9, 2)
    compiled = torch.compile(convex_hull, fullgraph=True, backend='aot_eager')
    assert torch.equal(compiled(points)[0], convex_hull(points)[0])
