"""Assignment by the cost of predictions, against what MMRotate 1.x assigns."""

import pytest
import torch

from mmrotate.core.bbox import DynamicSoftLabelAssigner
from mmrotate.core.bbox.assigners import dynamic_assigner
from mmrotate.utils.errors import ArgumentError
from tests.helpers import golden


def newer(name):
    return golden.tensor(name, 'newer/ops.npz')


def scene(topk):
    name = f'assign_dynamic_soft_label_topk{topk}'
    return [newer(f'{name}/{key}') for key in ('scores', 'priors', 'pred', 'gt', 'gt_labels')]


@pytest.mark.parametrize('block', [None, 1500])  # objects one after the other, too
@pytest.mark.parametrize('topk', [5, 13])
def test_the_reference_assigns_the_same(topk, block, monkeypatch):
    if block:
        monkeypatch.setattr(dynamic_assigner, '_PAIRS', block)
    result = DynamicSoftLabelAssigner(topk=topk).assign(*scene(topk))
    name = f'assign_dynamic_soft_label_topk{topk}'
    assert torch.equal(result.gt_inds, newer(f'{name}/gt_inds'))
    taken = result.gt_inds > 0
    assert taken.sum() > 15
    assert torch.equal(result.labels[taken], newer(f'{name}/labels')[taken])
    torch.testing.assert_close(result.max_overlaps[taken], newer(f'{name}/max_overlaps')[taken])
    assert (result.max_overlaps[~taken] == 0).all() and (result.labels[~taken] == -1).all()


def test_nothing_to_assign():
    scores, priors, boxes, gt, labels = scene(13)
    assigner = DynamicSoftLabelAssigner()
    far = gt + torch.tensor([1e4, 0, 0, 0, 0])
    for result in (
        assigner.assign(scores, priors, boxes, gt[:0], labels[:0]),
        assigner.assign(scores, priors, boxes, far, labels),
        assigner.assign(scores[:0], priors[:0], boxes[:0], gt, labels),
    ):
        assert not result.gt_inds.any() and not result.max_overlaps.any()


def test_an_object_has_at_least_one_prior_and_a_prior_one_object():
    scores, priors, _, gt, labels = scene(13)
    nowhere = priors[:, [0, 1, 2, 2, 2]] * 0 + 1e4  # no prediction overlaps anything
    found = DynamicSoftLabelAssigner().assign(scores, priors, nowhere, gt, labels)
    assert 0 < (found.gt_inds > 0).sum() <= len(gt)
    assert not found.max_overlaps.any()


def test_thousands_of_objects():
    priors = torch.cartesian_prod(torch.arange(0.0, 256, 4), torch.arange(0.0, 256, 4))
    gt = golden.random_boxes(2000, spread=256.0)
    boxes = torch.nn.functional.pad(priors, (0, 3), value=9.0)
    places = torch.nn.functional.pad(priors, (0, 2), value=4.0)
    result = DynamicSoftLabelAssigner().assign(torch.zeros(len(priors), 2), places, boxes, gt, torch.arange(2000) % 2)
    assert (result.gt_inds > 0).float().mean() > 0.3


def test_at_least_one_overlap_is_summed():
    with pytest.raises(ArgumentError, match='topk must be at least 1, got 0'):
        DynamicSoftLabelAssigner(topk=0)
