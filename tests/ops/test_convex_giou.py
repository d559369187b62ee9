import importlib
import math

import pytest
import torch
from hypothesis import given

from mmrotate.ops import convex_giou, convex_iou
from tests.ops.oracles import golden, property_test
from tests.ops.point_sets import exact_hull_overlap, hard_sets, has_area, random_points

op = importlib.import_module('mmrotate.ops.convex_giou')


def near_pairs(count, dtype=torch.float64):
    """Point sets and quadrilaterals, of which about half overlap."""
    return random_points(count, 9, 10, dtype=dtype), random_points(count, 4, 15, dtype=dtype)


def test_reference(backend):
    data = golden('convex_giou_value')
    got = convex_giou(data['points'], data['polygons'])
    torch.testing.assert_close(got, data['out'], rtol=1e-5, atol=1e-6)


def test_exact(backend):
    points, quads = near_pairs(60)
    got = convex_giou(points, quads)
    expected = [exact_hull_overlap(p, q, 'giou') for p, q in zip(points, quads, strict=True)]
    torch.testing.assert_close(got, torch.tensor(expected, dtype=torch.float64))
    assert 5 < (got > 0).sum() < 55


@property_test
@given(hard_sets(9))
def test_hard_sets_are_exact_and_their_gradients_finite(backend, pair):
    for dtype in (torch.float64, torch.float32):
        points, quads = (row.to(dtype, copy=True) for row in pair)
        points.requires_grad_()
        got = convex_giou(points, quads)
        got.sum().backward()
        assert points.grad.isfinite().all()
        assert -1 <= got.item() <= 1
        if has_area(points.detach(), quads):
            expected = exact_hull_overlap(points.detach(), quads, 'giou')
            assert got.item() == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_gradient(backend):
    points, quads = near_pairs(40)
    assert 10 < (convex_iou(points, quads).diagonal() > 0).sum() < 40
    points.requires_grad_()
    assert torch.autograd.gradcheck(lambda p: convex_giou(p, quads), points)


def test_backends_agree(monkeypatch):
    points, quads = near_pairs(200, torch.float32)
    monkeypatch.delenv('MMROTATE_OPS_BACKEND', raising=False)
    value, grad = op._op(points, quads)
    monkeypatch.setenv('MMROTATE_OPS_BACKEND', 'torch')
    expected = op._op(points, quads)
    torch.testing.assert_close(value, expected[0], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(grad, expected[1], rtol=1e-5, atol=1e-7)


def test_at_the_best_there_is_no_pull(backend):
    quads = random_points(5, 4, dtype=torch.float64)
    points = torch.cat([quads, quads, quads[:, :2]], 1).requires_grad_()
    value = convex_giou(points, quads)
    torch.testing.assert_close(value, torch.ones_like(value))
    value.sum().backward()
    assert points.grad.abs().max() < 1e-12


def test_apart_the_points_are_pulled_towards_the_polygon(backend):
    points = torch.tensor([[0, 0, 1, 0, 2, 0, 0, 1, 1, 1, 2, 1, 0, 2, 1, 2, 2, 2.0]])
    quads = torch.tensor([[9.0, 0, 11, 0, 11, 2, 9, 2]])
    points.requires_grad_()
    value = convex_giou(points, quads)
    assert value.item() == pytest.approx(8 / 22 - 1)
    value.backward()
    assert points.grad.view(9, 2)[:, 0].sum() > 0


def test_without_area(backend):
    quad = torch.tensor([[0.0, 0, 2, 0, 2, 2, 0, 2]])
    same = torch.tensor([[5.0, 1.0]]).repeat(1, 9)
    line = torch.arange(9.0).repeat_interleave(2)[None]
    # hull of both: the square and a triangle
    assert convex_giou(same, quad).item() == pytest.approx(4 / 7 - 1)
    assert convex_giou(line, line[:, :8]).item() == 0
    assert convex_giou(same, line[:, :8]).item() == -1
    for points in (same, line):
        points = points.clone().requires_grad_()
        convex_giou(points, quad).sum().backward()
        assert points.grad.isfinite().all()


@pytest.mark.parametrize('bad', [math.nan, math.inf])
def test_not_finite(backend, bad):
    points, quads = near_pairs(3, torch.float32)
    points[0, 3] = quads[1, 2] = bad
    points.requires_grad_()
    value = convex_giou(points, quads)
    assert value[:2].tolist() == [-1, -1]
    value.sum().backward()
    assert points.grad.isfinite().all()
    assert points.grad[:2].abs().max() == 0
    assert points.grad[2].abs().max() > 0


def test_empty_and_half_precision(backend):
    empty = torch.zeros(0, 18, requires_grad=True)
    value = convex_giou(empty, torch.zeros(0, 8))
    assert value.shape == (0,)
    value.sum().backward()
    points, quads = near_pairs(20, torch.float16)
    points.requires_grad_()
    value = convex_giou(points, quads)
    assert torch.equal(value, convex_giou(points.float(), quads.float()))
    value.sum().backward()
    assert points.grad.dtype == torch.float16


@pytest.mark.parametrize(
    ('points', 'quads', 'message'),
    [
        (torch.zeros(2, 16), torch.zeros(2, 8), r'pointsets must have shape \(n, 18\)'),
        (torch.zeros(2, 18), torch.zeros(2, 5), r'polygons must have shape \(n, 8\)'),
        (torch.zeros(2, 18), torch.zeros(3, 8), 'got 3 and 2'),
    ],
)
def test_bad_input(points, quads, message):
    with pytest.raises(ValueError, match=message):
        convex_giou(points, quads)


def test_registration(backend):
    points, quads = near_pairs(4)
    torch.library.opcheck(op._op, (points.requires_grad_(), quads))


def test_compiles_as_one_graph(backend):
    points, quads = near_pairs(6)
    points.requires_grad_()
    compiled = torch.compile(convex_giou, fullgraph=True, backend='aot_eager')
    value = compiled(points, quads)
    assert torch.equal(value, convex_giou(points, quads))
    (grad,) = torch.autograd.grad(value.sum(), points)
    assert torch.equal(grad, op._op(points, quads)[1])
