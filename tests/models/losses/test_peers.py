"""Losses of MMDetection against its own numbers, and what they do beyond."""

import pytest
import torch
from torch import Tensor

from mmrotate.compat.loss_utils import reduce_loss, weight_reduce_loss
from mmrotate.models import build_head, build_loss
from tests.helpers import peers, reference

CASES = peers.golden()['losses']


@pytest.mark.parametrize('case', CASES, ids=lambda case: '-'.join(map(str, case['cfg'].values())))
def test_reference(case):
    loss = build_loss(case['cfg'])
    pred, target, weight = peers.loss_inputs(case['kind'])
    pred.requires_grad_()
    # a second call, for what keeps a running mean
    values = [loss(pred, target, weight, avg_factor=7.0) for _ in range(2)]
    torch.testing.assert_close(torch.stack(values), torch.tensor(case['values']), rtol=1e-5, atol=1e-6)
    values[1].backward()
    reference.assert_sample(pred.grad, case['grad'])


def ids(kind: str) -> list[dict]:
    return [case for case in CASES if case['cfg']['type'] == kind]


@pytest.mark.parametrize('kind', sorted({case['cfg']['type'] for case in CASES}))
def test_no_sample_and_half_precision(kind):
    case = ids(kind)[0]
    loss = build_loss(case['cfg'])
    pred, target, weight = peers.loss_inputs(case['kind'])
    none = tuple(t[:0] for t in target) if isinstance(target, tuple) else target[:0]
    empty = pred[:0].requires_grad_()
    zero = loss(empty, none, weight[:0], avg_factor=1.0)
    zero.backward()
    assert zero == 0 and empty.grad.shape == empty.shape
    half = loss(pred.bfloat16(), target, weight, avg_factor=7.0)
    assert half.dtype == torch.float32 and half.isfinite()


@pytest.mark.parametrize('kind', ['DIoULoss', 'CIoULoss', 'BoundedIoULoss'])
@pytest.mark.parametrize('side', [0.0, 1e-3, 1e6])
def test_gradients_of_any_box_are_finite(kind, side):
    pred = torch.tensor([[5, 5, 5 + side, 5 + side], [5, 5, 5 + side, 5 + 2 * side]]).requires_grad_()
    loss = build_loss(dict(type=kind))(pred, pred.detach() + 0.5)
    loss.backward()
    assert loss.isfinite() and pred.grad.isfinite().all()


def test_a_crowd_counts_as_one():
    """Of GHM-C each bin of gradients has the same say."""
    pred = torch.tensor([[4.0]] * 9 + [[-4.0]])
    each = build_loss(dict(type='GHMC', reduction='none'))(pred, torch.ones(10, 1), torch.ones(10, 1))
    entropy = (-pred).exp().log1p()
    torch.testing.assert_close(each, entropy * torch.tensor([[10 / 9 / 2]] * 9 + [[10 / 2]]))


def test_the_last_distance_needs_no_number_beyond_it():
    logits, loss = peers.normal('last', 2, 5), build_loss(dict(type='DistributionFocalLoss', reduction='none'))
    got = loss(logits, torch.tensor([4.0, 2.25]))
    log = logits.log_softmax(1)
    torch.testing.assert_close(got, torch.stack([-log[0, 4], -0.75 * log[1, 2] - 0.25 * log[1, 3]]))


@pytest.mark.parametrize('kind', ['QualityFocalLoss', 'VarifocalLoss'])
def test_labels_alone_have_no_quality(kind):
    with pytest.raises(ValueError, match='needs a quality for every score'):
        build_loss(dict(type=kind))(torch.zeros(3, 4), torch.zeros(3, dtype=torch.long))


@pytest.mark.parametrize(
    'cfg',
    [
        *(dict(type=kind, use_sigmoid=False) for kind in ('GHMC', 'QualityFocalLoss', 'VarifocalLoss')),
        dict(type='GHMR', bins=0),
        dict(type='VarifocalLoss', alpha=-1),
        dict(type='BalancedL1Loss', beta=0),
    ],
)
def test_wrong_arguments(cfg):
    with pytest.raises(AssertionError):
        build_loss(cfg)


@pytest.mark.parametrize('loss', [dict(type='BalancedL1Loss'), dict(type='MSELoss'), dict(type='GHMR')])
def test_a_head_of_rotated_boxes_takes_them(loss):
    head = build_head(dict(type='RotatedBBoxHead', num_classes=2, in_channels=4, roi_feat_size=1, loss_bbox=loss))
    pred: Tensor = torch.randn(5, 10, requires_grad=True)
    labels = torch.tensor([0, 1, 2, 2, 1])
    targets = torch.randn(5, 5), torch.ones(5, 5)
    losses = head.loss(torch.randn(5, 3), pred, torch.zeros(5, 6), labels, torch.ones(5), *targets)
    losses['loss_bbox'].backward()
    assert losses['loss_bbox'] > 0 and pred.grad.abs().sum() > 0


def test_reductions_under_their_older_names():
    loss, weight = torch.tensor([1.0, 3.0]), torch.tensor([2.0, 0.0])
    assert reduce_loss(loss, 'mean') == 2 and reduce_loss(loss, 'sum') == 4
    assert weight_reduce_loss(loss, weight, 'mean', avg_factor=4) == pytest.approx(0.5)
