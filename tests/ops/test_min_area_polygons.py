import importlib
import math

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from torch.utils._pytree import tree_map

from mmrotate.export.files import without_checks
from mmrotate.ops import min_area_polygons
from mmrotate.utils.graph import Graph, tracing
from tests.ops.oracles import golden, property_test
from tests.ops.point_sets import hard_sets, random_points

op = importlib.import_module('mmrotate.ops.min_area_polygons')


def sides(quads):
    """Lengths (n, 2) of the first two sides."""
    corners = quads.view(-1, 4, 2)
    return (corners[:, 1:3] - corners[:, :2]).norm(dim=2)


def distances(quads1, quads2):
    """Largest distance (n,) of a corner of the first to the nearest corner of the second."""
    gaps = torch.cdist(quads1.view(-1, 4, 2), quads2.view(-1, 4, 2))
    return gaps.amin(2).amax(1)


def test_reference(backend):
    data = golden('min_area_polygons')
    got = min_area_polygons(data['points'])
    torch.testing.assert_close(sides(got).prod(1), sides(data['out']).prod(1))
    # around a triangle three rectangles are equally small, and any serves
    other = distances(got, data['out']) > 1e-3
    assert other.sum() == 2


def test_opencv_agrees(backend):
    points = random_points(100, 9)
    got = min_area_polygons(points)
    rects = [cv2.minAreaRect(row.view(9, 2).numpy()) for row in points]
    expected = torch.from_numpy(np.array([cv2.boxPoints(rect).ravel() for rect in rects]))
    torch.testing.assert_close(sides(got).prod(1), sides(expected).prod(1), rtol=1e-4, atol=1e-3)
    assert (distances(got, expected) < 1e-2).sum() > 80


def test_no_direction_is_better(backend):
    points = random_points(50, 9, dtype=torch.float64)
    best = sides(min_area_polygons(points)).prod(1)
    for theta in torch.linspace(0, math.pi / 2, 200, dtype=torch.float64):
        turn = torch.tensor([[theta.cos(), -theta.sin()], [theta.sin(), theta.cos()]])
        turned = points.view(-1, 9, 2) @ turn.double()
        extent = (turned.amax(1) - turned.amin(1)).prod(1)
        assert (extent >= best * (1 - 1e-9)).all()


@property_test
@given(hard_sets(9, offsets=(0.0,)))
def test_hard_sets_are_within_a_rectangle(backend, pair):
    points = pair[0]
    corners = min_area_polygons(points).view(4, 2)
    assert corners.isfinite().all()
    origin = points.view(9, 2).mean(0)
    inside, corners = points.view(9, 2) - origin, corners - origin
    scale = inside.norm(dim=1).max().item()
    ways = corners.roll(-1, 0) - corners
    noise = 1e-6 * scale
    # opposite sides are equal, and neighbours at right angles
    assert (ways[0] + ways[2]).norm() <= noise
    assert abs(ways[0] @ ways[1]) <= noise * (scale + noise)
    for point in inside:
        for i in (0, 1):
            along = ways[i] / ways[i].norm().clamp(min=1e-300)
            low, high = sorted([float(along @ corners[i]), float(along @ corners[i + 1])])
            assert low - noise <= float(along @ point) <= high + noise or ways[i].norm() <= noise


def test_far_from_the_origin(backend):
    points = (random_points(50, 9, dtype=torch.float64) * 1024).round() / 1024
    torch.testing.assert_close(min_area_polygons(points + 2**20) - 2**20, min_area_polygons(points), rtol=0, atol=1e-8)


def test_backends_agree(monkeypatch):
    triangles = random_points(100, 3, dtype=torch.float64)
    tied = torch.cat([triangles, triangles, triangles], 1)
    points = torch.cat([random_points(200, 9, dtype=torch.float64), tied])
    monkeypatch.delenv('MMROTATE_OPS_BACKEND', raising=False)
    got = min_area_polygons(points)
    monkeypatch.setenv('MMROTATE_OPS_BACKEND', 'torch')
    torch.testing.assert_close(got, min_area_polygons(points))


def test_order_of_the_corners(backend):
    square = torch.tensor([[0.0, 0], [4, 0], [4, 2], [0, 2]])
    upright = torch.cat([square, square, square[:1]]).reshape(1, 18)
    assert min_area_polygons(upright).tolist() == [[4, 0, 0, 0, 0, 2, 4, 2]]
    # turned by 30 degrees clockwise on the screen, and by 120
    for theta, first in ((math.pi / 6, 1), (2 * math.pi / 3, 0)):
        turn = torch.tensor([[math.cos(theta), math.sin(theta)], [-math.sin(theta), math.cos(theta)]])
        got = min_area_polygons((upright.view(9, 2) @ turn).reshape(1, 18))
        torch.testing.assert_close(got.view(4, 2), (square @ turn)[[first, first - 1, first - 2, first - 3]])


def test_degenerate_sets(backend):
    same = torch.tensor([[5.0, 1.0]]).repeat(1, 9)
    line = torch.arange(9.0).repeat_interleave(2)[None]
    got = min_area_polygons(torch.cat([same, line]))
    assert got[0].tolist() == [5, 1] * 4
    torch.testing.assert_close(got[1], torch.tensor([8.0, 8, 0, 0, 0, 0, 8, 8]))


def test_empty_strides_half_precision_and_no_gradient(backend):
    assert min_area_polygons(torch.zeros(0, 18)).shape == (0, 8)
    points = random_points(20, 9)
    assert torch.equal(min_area_polygons(points.T.contiguous().T), min_area_polygons(points))
    half = min_area_polygons(points.half())
    assert torch.equal(half, min_area_polygons(points.half().float()))
    assert not min_area_polygons(points.requires_grad_()).requires_grad


def test_not_finite(backend):
    points = random_points(3, 9)
    points[0, 3], points[1, 4] = math.nan, math.inf
    got = min_area_polygons(points)
    assert got[:2].isnan().all()
    assert got[2].isfinite().all()


def test_bad_input():
    with pytest.raises(ValueError, match=r'pointsets must have shape \(n, 18\), got \(2, 8\)'):
        min_area_polygons(torch.zeros(2, 8))


def test_registration(backend):
    torch.library.opcheck(op._op, (random_points(4, 9),))


def test_compiles_as_one_graph(backend):
    points = random_points(4, 9)
    compiled = torch.compile(min_area_polygons, fullgraph=True, backend='aot_eager')
    assert torch.equal(compiled(points), min_area_polygons(points))


class Rectangles(torch.nn.Module):
    """The operation as a file has it."""

    def forward(self, points):
        with tracing(Graph(1)):
            return min_area_polygons(points)


def test_its_numbers_say_the_same_in_float32():
    """ONNX files hold them so, and what runs them drops a factor of almost 1: nothing would be equal by 1 + 1e-9."""
    program = torch.export.export(Rectangles(), (torch.randn(4, 18),))
    numbers = [arg for node in program.graph.nodes for arg in node.args if isinstance(arg, float)]
    assert 4e-6 in numbers
    assert not [number for number in numbers if number != 1 and np.float32(number) == 1]


def test_equal_rectangles_are_equal_in_a_file_that_runs_in_float32():
    """OpenVINO has no float64: around a triangle the three rectangles must not be told apart by their rounding."""
    corners = torch.rand(500, 1, 2) * 300 + torch.randn(500, 3, 2) * 20
    inside = torch.softmax(torch.randn(500, 6, 3), -1) @ corners
    points = torch.cat([corners, inside], 1).flatten(1)
    program = torch.export.export(Rectangles(), (points,))
    without_checks(program)
    file = program.module()
    for node in file.graph.nodes:
        given = node.args, node.kwargs
        node.args, node.kwargs = tree_map(lambda each: torch.float32 if each is torch.float64 else each, given)
    file.recompile()
    assert (file(points) - min_area_polygons(points)).abs().max() < 1e-3
