"""Losses against torch's own and torchvision's, and their weighting."""

import pytest
import torch
from torch.nn import functional as F
from torchvision.ops import sigmoid_focal_loss

from mmrotate.models import build_loss
from mmrotate.models.losses import accuracy
from mmrotate.models.losses.weighting import reduce_loss


@pytest.fixture
def logits() -> torch.Tensor:
    return torch.randn(20, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)


def test_focal_is_torchvisions_with_background_as_zeros(logits: torch.Tensor) -> None:
    labels = torch.arange(20) % 5  # 4 is background
    onehot = torch.eye(5)[labels][:, :4]
    expected = sigmoid_focal_loss(logits, onehot, 0.25, 2.0, 'sum') / 7
    got = build_loss(dict(type='FocalLoss', use_sigmoid=True))(logits, labels, avg_factor=7)
    torch.testing.assert_close(got, expected)


def test_focal_refuses_a_softmax() -> None:
    with pytest.raises(ValueError, match='use_sigmoid'):
        build_loss(dict(type='FocalLoss', use_sigmoid=False))


def test_softmax_cross_entropy_with_weights(logits: torch.Tensor) -> None:
    labels, weight = torch.arange(20) % 4, torch.linspace(0, 1, 20)
    loss = build_loss(dict(type='CrossEntropyLoss', loss_weight=2.0))
    expected = 2 * (F.cross_entropy(logits, labels, reduction='none') * weight).sum() / 10
    torch.testing.assert_close(loss(logits, labels, weight, avg_factor=10), expected)


def test_sigmoid_cross_entropy_takes_other_labels_as_background(logits: torch.Tensor) -> None:
    loss = build_loss(dict(type='CrossEntropyLoss', use_sigmoid=True))
    pred, labels = logits[:, :1], torch.tensor([0, 1] * 10)
    expected = F.binary_cross_entropy_with_logits(pred, (labels == 0).float()[:, None])
    torch.testing.assert_close(loss(pred, labels), expected)


@pytest.mark.parametrize('kind', ['L1Loss', 'SmoothL1Loss'])
def test_box_losses(kind: str) -> None:
    pred = torch.tensor([[0.0, 2.0]], requires_grad=True)
    target = torch.tensor([[0.5, 0.0]])
    expected = {'L1Loss': 2.5, 'SmoothL1Loss': 0.125 + 1.5}[kind]
    loss = build_loss(dict(type=kind, reduction='sum'))(pred, target)
    assert loss.item() == pytest.approx(expected)


@pytest.mark.parametrize('kind', ['L1Loss', 'SmoothL1Loss', 'FocalLoss', 'CrossEntropyLoss'])
def test_no_sample_gives_a_zero_that_reaches_the_prediction(kind: str) -> None:
    pred = torch.zeros(0, 4, requires_grad=True)
    labels = torch.zeros(0, dtype=torch.long)
    target = labels if kind in ('FocalLoss', 'CrossEntropyLoss') else pred.detach()
    loss = build_loss(dict(type=kind))(pred, target)
    loss.backward()
    assert float(loss) == 0
    assert pred.grad is not None


def test_losses_are_float32_for_half_predictions(logits: torch.Tensor) -> None:
    loss = build_loss(dict(type='L1Loss'))
    assert loss(logits.half(), torch.zeros(20, 4)).dtype == torch.float32


def test_reduction_errors() -> None:
    with pytest.raises(ValueError, match='avg_factor'):
        reduce_loss(torch.ones(3), reduction='sum', avg_factor=2)
    with pytest.raises(ValueError, match='median'):
        build_loss(dict(type='L1Loss', reduction='median'))
    with pytest.raises(ValueError, match='beta'):
        build_loss(dict(type='SmoothL1Loss', beta=0))


def test_accuracy() -> None:
    pred = torch.eye(4)
    assert float(accuracy(pred, torch.tensor([0, 1, 2, 0]))) == 75
    assert float(accuracy(pred[:0], torch.zeros(0, dtype=torch.long))) == 0


@pytest.mark.parametrize('sigmoid', [False, True])
def test_labels_that_cost_nothing(logits, sigmoid: bool) -> None:
    labels = torch.arange(20) % 4
    kept = labels != 2
    settings = dict(type='CrossEntropyLoss', use_sigmoid=sigmoid, use_mask=False)
    whole = build_loss(dict(settings, reduction='none'))(logits, labels)
    each = build_loss(dict(settings, ignore_index=2, reduction='none'))(logits, labels)
    torch.testing.assert_close(each[kept], whole[kept])
    assert not each[~kept].any()
    mean = build_loss(dict(settings, ignore_index=2))(logits, labels)
    torch.testing.assert_close(mean, each.mean())
    among_rest = build_loss(dict(settings, ignore_index=2, avg_non_ignore=True))
    torch.testing.assert_close(among_rest(logits, labels), whole[kept].mean())
    torch.testing.assert_close(among_rest(logits, labels, avg_factor=3), each.sum() / 3)
    torch.testing.assert_close(among_rest(logits, labels, reduction_override='sum'), each.sum())


def test_there_are_no_masks() -> None:
    with pytest.raises(AssertionError, match='use_mask'):
        build_loss(dict(type='CrossEntropyLoss', use_mask=True))
