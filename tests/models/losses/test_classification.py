"""Focal losses: of soft targets, and with polynomial terms."""

import pytest
import torch
from torch.nn import functional as F

from mmrotate.models import build_loss
from tests.helpers.golden import tensor


def test_reference():
    pred = tensor('loss_smooth_focal/pred').requires_grad_()
    loss = build_loss(dict(type='SmoothFocalLoss', loss_weight=0.8))
    value = loss(pred, tensor('loss_smooth_focal/target'), torch.ones(len(pred)))
    value.backward()
    torch.testing.assert_close(value, tensor('loss_smooth_focal/out'))
    torch.testing.assert_close(pred.grad, tensor('loss_smooth_focal/grad'))


def test_hard_targets_are_the_focal_loss():
    logits, labels = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 4, 4])
    hard = torch.eye(5)[labels][:, :4]
    soft = build_loss(dict(type='SmoothFocalLoss', gamma=1.5, alpha=0.4))(logits, hard)
    plain = build_loss(dict(type='FocalLoss', gamma=1.5, alpha=0.4))(logits, labels)
    torch.testing.assert_close(soft, plain)


def test_poly_loss_is_that_of_the_paper():
    logits, labels = torch.randn(6, 3, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 3, 1])
    truth = F.one_hot(labels, 4)[:, :3].double()
    right = torch.where(truth > 0, logits.sigmoid(), 1 - logits.sigmoid())
    alpha = torch.where(truth > 0, 0.25, 0.75)
    for gamma, epsilon in ((2.0, -1.0), (1.0, 0.5), (2.0, 0.0)):
        loss = build_loss(dict(type='PolyLoss', gamma=gamma, epsilon=epsilon, reduction='none'))
        expected = alpha * (-((1 - right) ** gamma) * right.log() + epsilon * (1 - right) ** (gamma + 1))
        torch.testing.assert_close(loss(logits, labels), expected)
        torch.testing.assert_close(loss(logits, truth), expected)
    cross = build_loss(dict(type='PolyLoss', gamma=0.0, alpha=-1, epsilon=1.0, reduction='none'))(logits, labels)
    torch.testing.assert_close(cross, -right.log() + 1 - right)


def test_poly_loss_of_far_logits_has_finite_gradients():
    logits = torch.tensor([[100.0, -100.0], [-100.0, 100.0]], requires_grad=True)
    build_loss(dict(type='PolyLoss'))(logits, torch.tensor([1, 1])).backward()
    assert logits.grad.isfinite().all() and logits.grad[0, 1] < 0
    with pytest.raises(ValueError, match='epsilon'):
        build_loss(dict(type='PolyLoss', epsilon=-2))
