import importlib
import math

import pytest
import shapely
import torch
from hypothesis import given

from mmrotate.ops import points_in_polygons
from tests.ops.oracles import property_test
from tests.ops.point_sets import hard_sets, random_points

op = importlib.import_module('mmrotate.ops.points_in_polygons')


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_shapely_agrees(backend, dtype):
    quads, points = random_points(40, 4, 60, dtype=dtype), torch.rand(200, 2, dtype=dtype) * 100
    outlines = [shapely.Polygon(row.double().view(4, 2)) for row in quads]
    simple = [outline.is_valid for outline in outlines]
    assert 5 < sum(simple) < 40
    got = points_in_polygons(points, quads)
    assert got.dtype == dtype
    for j, outline in enumerate(outlines):
        if simple[j]:
            x, y = points.double().unbind(1)
            assert got[:, j].tolist() == shapely.contains_xy(outline, x, y).tolist()


def test_quadrilaterals_side_by_side_share_no_point(backend):
    # four around a corner, in both senses
    corners = torch.tensor([[0.0, 0], [2, 0], [2, 2], [0, 2]])
    shifts = torch.tensor([[0.0, 0], [2, 0], [0, 2], [2, 2]])
    quads = (corners + shifts[:, None]).flatten(1)
    quads[::2] = quads[::2].view(-1, 4, 2).flip(1).flatten(1)
    grid = torch.cartesian_prod(torch.arange(0.0, 4), torch.arange(0.0, 4))
    got = points_in_polygons(grid, quads)
    assert got.sum(1).tolist() == [1] * 16
    assert points_in_polygons(torch.tensor([[4.0, 1], [1, 4]]), quads).sum() == 0


@property_test
@given(hard_sets(9))
def test_backends_agree_on_hard_sets(pair):
    points, quads = pair[0].view(9, 2), pair[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv('MMROTATE_OPS_BACKEND', raising=False)
        got = points_in_polygons(points, quads)
        patch.setenv('MMROTATE_OPS_BACKEND', 'torch')
        assert torch.equal(got, points_in_polygons(points, quads))


def test_plain_torch_in_chunks(monkeypatch):
    monkeypatch.setenv('MMROTATE_OPS_BACKEND', 'torch')
    quads, points = random_points(7, 4, 60), torch.rand(50, 2) * 100
    expected = points_in_polygons(points, quads)
    assert 0 < expected.sum() < expected.numel()
    monkeypatch.setattr(op, '_CHUNK', 20)
    assert torch.equal(points_in_polygons(points, quads), expected)


def test_not_finite_and_without_area(backend):
    nan, inf = math.nan, math.inf
    points = torch.tensor([[1.0, 1], [nan, 1], [1, inf], [-inf, 1]])
    good = [0.0, 0, 3, 0, 3, 3, 0, 3]
    quads = torch.tensor([good, [1.0] * 8, [nan, *good[1:]], [-inf, *good[1:]], [inf, *good[1:]]])
    expected = torch.zeros(4, 5)
    expected[0, 0] = 1
    assert torch.equal(points_in_polygons(points, quads), expected)


@pytest.mark.parametrize(('n', 'm'), [(0, 3), (3, 0), (0, 0)])
def test_empty(backend, n, m):
    assert points_in_polygons(torch.zeros(n, 2), torch.zeros(m, 8)).shape == (n, m)


def test_strides_and_half_precision(backend):
    quads, points = random_points(7, 4, 60), torch.rand(50, 2) * 100
    got = points_in_polygons(points.T.contiguous().T, quads.T.contiguous().T)
    assert torch.equal(got, points_in_polygons(points, quads))
    half = points_in_polygons(points.half(), quads.half())
    assert torch.equal(half, points_in_polygons(points.half().float(), quads.half().float()))


def test_bad_input():
    with pytest.raises(ValueError, match=r'points must have shape \(n, 2\), got \(2, 3\)'):
        points_in_polygons(torch.zeros(2, 3), torch.zeros(2, 8))
    with pytest.raises(ValueError, match=r'polygons must have shape \(n, 8\), got \(2, 4\)'):
        points_in_polygons(torch.zeros(2, 2), torch.zeros(2, 4))


def test_registration(backend):
    torch.library.opcheck(op._op, (torch.rand(5, 2) * 40, random_points(3, 4, 10)))


def test_compiles_as_one_graph(backend):
    points, quads = torch.rand(5, 2) * 40, random_points(3, 4, 10)
    compiled = torch.compile(points_in_polygons, fullgraph=True, backend='aot_eager')
    assert torch.equal(compiled(points, quads), points_in_polygons(points, quads))
