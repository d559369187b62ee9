"""Losses of point sets."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mmrotate.core import obb2poly
from mmrotate.models import build_loss
from mmrotate.ops import convex_giou
from tests.helpers.golden import tensor

SQUARE = [0.0, 0, 10, 0, 10, 10, 0, 10]
LONG = [0.0, 0, 40, 0, 40, 10, 0, 10]


def filled(corners: list[float]) -> Tensor:
    """The corners, and five points within."""
    middle = torch.tensor(corners).view(4, 2).mean(0)
    return torch.cat([torch.tensor(corners), middle.repeat(5)])[None]


def test_reference():
    points = tensor('convex_giou_value/points')
    got = build_loss(dict(type='ConvexGIoULoss', reduction='none'))(points, tensor('convex_giou_value/polygons'))
    torch.testing.assert_close(1 - got, tensor('convex_giou_value/out'), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize('kind', ['ConvexGIoULoss', 'BCConvexGIoULoss'])
@pytest.mark.parametrize('corners', [SQUARE, LONG])
def test_points_that_fill_their_polygon_have_the_smallest_loss(kind, corners):
    loss, target = build_loss(dict(type=kind)), torch.tensor([corners])
    best = loss(filled(corners), target)
    ratio = 1 if corners is SQUARE else 4
    share = math.exp(-ratio / 4) if kind == 'BCConvexGIoULoss' else 0
    assert best.item() == pytest.approx(2 * share, abs=1e-6)
    if corners is LONG:  # the overlap of the other has a weight below 0: 1 - 2 exp(-1 / 4)
        assert loss(filled(corners) * 0.9, target) > best


def test_extreme_points_and_centres():
    points, target = filled(LONG), torch.tensor([LONG])
    share = math.exp(-1)
    moved = points + torch.tensor([3.0, 0.5]).repeat(9)
    got = build_loss(dict(type='BCConvexGIoULoss', as_published=False))(moved, target)
    smooth = 2.5 + 0.125  # of 3 and of 1/2; of the centre and of four extreme points
    overlap = float(convex_giou(moved, target))
    expected = share * 5 * smooth + 1 - (1 - 2 * share) * overlap
    assert got.item() == pytest.approx(expected, rel=1e-5)


def test_published_rest_is_one_mean_without_a_gradient():
    points = torch.cat([filled(LONG), filled(SQUARE) + 2]) + torch.tensor([3.0, 0.5]).repeat(9)
    points, target = points.requires_grad_(), torch.tensor([LONG, SQUARE])
    got = build_loss(dict(type='BCConvexGIoULoss', reduction='none'))(points, target)
    share, overlap = torch.tensor([-1.0, -1 / 4]).exp(), convex_giou(points, target)
    rest = 5 * (2.5 + 0.125 + 4.5 + 2.0) / 2  # the centre and four extremes, of two rows
    torch.testing.assert_close(got, share * rest + 1 - (1 - 2 * share) * overlap)
    weight = torch.tensor([2.0, 3.0])
    gradients = [torch.autograd.grad(loss @ weight, points)[0] for loss in (got, 1 - overlap)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize('kind', [dict(type='ConvexGIoULoss'), dict(type='BCConvexGIoULoss', as_published=False)])
def test_gradient_is_the_derivative(kind):
    points = tensor('convex_giou_value/points')[:6].double() / 16
    polygons = tensor('convex_giou_value/polygons')[:6].double() / 16
    loss = build_loss(kind)
    assert torch.autograd.gradcheck(lambda p: loss(p, polygons), points.requires_grad_())


@pytest.mark.parametrize('kind', ['ConvexGIoULoss', 'BCConvexGIoULoss'])
@pytest.mark.parametrize('side', [0.0, 1e-3, 1.0, 1e6])
@pytest.mark.parametrize('gap', [0.0, 1e5])
def test_loss_and_gradient_are_finite(kind, side, gap):
    points = (filled(LONG) * side / 40).requires_grad_()
    target = torch.tensor([LONG, SQUARE]) * torch.tensor([[side / 40], [0.0]]) + gap
    loss = build_loss(dict(type=kind))(points.expand(2, -1), target)
    loss.backward()
    assert loss.isfinite()
    assert points.grad.isfinite().all()


LOSS = dict(type='SpatialBorderLoss', loss_weight=0.5)
QUAD = torch.tensor([[0.0, 0, 10, 0, 10, 4, 0, 4]])


def test_distance_of_the_points_outside():
    points = torch.tensor([[5.0, 2, 1, 1, 5, 12, -25, 2]])  # two inside; 10 and 30 from the centre
    loss = build_loss(LOSS)(points, QUAD, torch.ones(1))
    assert float(loss) == pytest.approx(0.5 * 0.2 * 20)
    over_four = build_loss(LOSS)(points, QUAD, torch.ones(1), avg_factor=4)
    assert float(over_four) == pytest.approx(float(loss) / 4)
    turned = QUAD.view(4, 2).flip(0).reshape(1, 8)  # the other sense
    assert float(build_loss(LOSS)(points, turned, torch.ones(1))) == pytest.approx(float(loss))


def test_rows_of_no_weight_do_not_count():
    points = torch.tensor([[5.0, 12], [5.0, torch.nan]], requires_grad=True)
    loss = build_loss(LOSS)(points, QUAD.expand(2, -1), torch.tensor([1.0, 0]))
    loss.backward()
    assert loss.item() == pytest.approx(1)
    torch.testing.assert_close(points.grad, torch.tensor([[0, 0.1], [0, 0]]))


@pytest.mark.parametrize('weight', [torch.zeros(0), torch.zeros(3)])
def test_no_row_gives_a_zero_that_reaches_the_points(weight):
    points = torch.rand(len(weight), 18, requires_grad=True)
    loss = build_loss(LOSS)(points, QUAD.expand(len(weight), -1), weight)
    loss.backward()
    assert loss.item() == 0
    assert points.grad is not None


@given(theta=st.floats(-4, 4), x=st.floats(-60, 60), y=st.floats(-60, 60))
def test_inside_is_inside_of_the_turned_rectangle(theta, x, y):
    angle = torch.tensor(theta)
    across = x * angle.cos() + y * angle.sin()
    down = y * angle.cos() - x * angle.sin()
    if min(abs(abs(across) - 20), abs(abs(down) - 8)) < 1e-3:
        return
    quad = obb2poly(torch.tensor([[0, 0, 40, 16, theta]]))
    loss = build_loss(LOSS)(torch.tensor([[x, y]]), quad, torch.ones(1))
    assert bool(loss > 0) == bool(abs(across) > 20 or abs(down) > 8)


@pytest.mark.parametrize('side', [0.0, 1e-3, 1e6])
def test_gradient_is_finite(side):
    quad = torch.tensor([[0, 0, side, 0, side, side, 0, side]])
    points = torch.tensor([[0, 0, side / 2, side / 2, 1e5, 0]], requires_grad=True)
    build_loss(LOSS)(points, quad, torch.ones(1)).backward()
    assert points.grad.isfinite().all()
