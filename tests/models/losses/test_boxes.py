"""Losses of overlaps against independent overlaps."""

import pytest
import torch
from torch import Tensor
from torchvision.ops import box_iou, generalized_box_iou

from mmrotate.models import build_loss
from tests.helpers.exact import exact_overlap
from tests.helpers.golden import random_boxes
from tests.models.losses.test_gaussian import check_reference

FORMS = {'linear': lambda x: 1 - x, 'square': lambda x: 1 - x**2, 'log': lambda x: -x.log()}


def horizontal(count: int, seed: int) -> Tensor:
    boxes = random_boxes(count, seed, 30)
    return torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:4]], 1)


@pytest.mark.parametrize('mode', FORMS)
def test_reference(mode):
    check_reference(f'rotated_iou_{mode}', dict(type='RotatedIoULoss', mode=mode), avg_factor=40)


@pytest.mark.parametrize('mode', FORMS)
def test_rotated_is_the_exact_overlap(mode):
    a, b = random_boxes(30, 0, 20), random_boxes(30, 1, 20)
    exact = torch.tensor([exact_overlap(p, q) for p, q in zip(a, b, strict=True)])
    got = build_loss(dict(type='RotatedIoULoss', mode=mode, reduction='none'))(a, b)
    torch.testing.assert_close(got, FORMS[mode](exact.clamp(min=1e-6)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('mode', FORMS)
def test_horizontal_is_torchvisions_overlap(mode):
    a, b = horizontal(30, 0), horizontal(30, 1)
    expected = FORMS[mode](box_iou(a, b).diagonal().clamp(min=1e-6))
    got = build_loss(dict(type='IoULoss', mode=mode, reduction='none'))(a, b)
    torch.testing.assert_close(got, expected)


def test_linear_wins_over_the_mode():
    a, b = horizontal(5, 0), horizontal(5, 1)
    linear = build_loss(dict(type='IoULoss', linear=True))
    torch.testing.assert_close(linear(a, b), build_loss(dict(type='IoULoss', mode='linear'))(a, b))
    with pytest.raises(ValueError, match='cubic'):
        build_loss(dict(type='RotatedIoULoss', mode='cubic'))


def test_generalized_is_torchvisions():
    a, b = horizontal(30, 0), horizontal(30, 1)
    b[15:, [0, 2]] += 200  # apart
    got = build_loss(dict(type='GIoULoss', reduction='none'))(a, b)
    torch.testing.assert_close(got, 1 - generalized_box_iou(a, b).diagonal())
    assert (got[15:] > 1).all()


@pytest.mark.parametrize('kind', ['IoULoss', 'GIoULoss', 'RotatedIoULoss'])
def test_gradient_is_the_derivative(kind):
    make = random_boxes if kind == 'RotatedIoULoss' else horizontal
    a, b = make(8, 0).double(), make(8, 1).double()
    b[:, :2] = a[:, :2] + 3.1
    loss = build_loss(dict(type=kind, mode='square') if kind != 'GIoULoss' else dict(type=kind))
    assert torch.autograd.gradcheck(lambda p: loss(p, b), a.requires_grad_())


@pytest.mark.parametrize('kind', ['IoULoss', 'GIoULoss', 'RotatedIoULoss'])
@pytest.mark.parametrize('side', [0.0, 1e-3, 1.0, 1e6])
@pytest.mark.parametrize('gap', [0.0, 0.5, 1e5])
def test_loss_and_gradient_are_finite(kind, side, gap):
    if kind == 'RotatedIoULoss':
        box = torch.tensor([[5, 5, side, side, 0.0], [5, 5, side, 2 * side, 0.4]])
    else:
        box = torch.tensor([[5, 5, 5 + side, 5 + side], [5, 5, 5 + side, 5 + 2 * side]])
    pred = box.clone().requires_grad_()
    target = box + gap
    loss = build_loss(dict(type=kind))(pred, target)
    loss.backward()
    assert loss.isfinite()
    assert pred.grad.isfinite().all()
