"""Points outside of their objects."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmrotate.core import obb2poly
from mmrotate.models import build_loss

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
    assert float(loss) == 0
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
