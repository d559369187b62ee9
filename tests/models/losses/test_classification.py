"""Focal loss of soft targets."""

import torch

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
