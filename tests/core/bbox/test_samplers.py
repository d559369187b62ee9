"""Samplers of priors."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmrotate.core import build_sampler
from mmrotate.core.bbox import AssignResult
from tests.helpers.golden import random_boxes


def _assigned(positive=20, negative=100, ignored=5):
    gt_inds = torch.cat([torch.arange(positive) % 3 + 1, torch.zeros(negative), torch.full((ignored,), -1.0)]).long()
    labels = torch.where(gt_inds > 0, gt_inds + 6, -1)
    return AssignResult(3, gt_inds, torch.rand(len(gt_inds)), labels), random_boxes(len(gt_inds))


def _sample(kind='RandomSampler', counts=(20, 100, 5), **kwargs):
    assigned, priors = _assigned(*counts)
    gts, labels = random_boxes(3, 9), torch.tensor([7, 8, 9])
    return build_sampler(dict(type=kind, **kwargs)).sample(assigned, priors, gts, labels), gts


@pytest.mark.parametrize('kind', ['RandomSampler', 'RRandomSampler'])
def test_counts_and_share(kind):
    result, _ = _sample(kind, num=40, pos_fraction=0.25, add_gt_as_proposals=False)
    assert (len(result.pos_inds), len(result.neg_inds)) == (10, 30)
    assert result.pos_inds.unique().numel() == 10
    assert result.pos_inds.max() < 20 <= result.neg_inds.min()
    assert result.neg_inds.max() < 120
    assert result.bboxes.shape == (40, 5)


def test_few_positives_are_filled_up_with_negatives():
    result, _ = _sample(num=40, pos_fraction=0.5, add_gt_as_proposals=False, counts=(2, 100, 0))
    assert (len(result.pos_inds), len(result.neg_inds)) == (2, 38)


def test_negatives_per_positive():
    result, _ = _sample(num=40, pos_fraction=0.5, neg_pos_ub=3, add_gt_as_proposals=False, counts=(2, 100, 0))
    assert (len(result.pos_inds), len(result.neg_inds)) == (2, 6)
    result, _ = _sample(num=40, pos_fraction=0.5, neg_pos_ub=3, add_gt_as_proposals=False, counts=(0, 100, 0))
    assert (len(result.pos_inds), len(result.neg_inds)) == (0, 3)


def test_objects_as_priors():
    result, gts = _sample(num=1000, pos_fraction=0.5)
    assert len(result.pos_inds) == 23
    assert result.pos_is_gt.sum() == 3
    torch.testing.assert_close(result.pos_bboxes[:3], gts)
    torch.testing.assert_close(result.pos_gt_bboxes[:3], gts)
    assert result.pos_assigned_gt_inds[:3].tolist() == [0, 1, 2]
    assert (result.pos_gt_labels == result.pos_assigned_gt_inds + 7).all()
    torch.testing.assert_close(result.pos_gt_bboxes, gts[result.pos_assigned_gt_inds])


def test_objects_as_priors_need_labels():
    assigned, priors = _assigned()
    sampler = build_sampler(dict(type='RandomSampler', num=4, pos_fraction=0.5))
    with pytest.raises(ValueError, match='gt_labels'):
        sampler.sample(assigned, priors, random_boxes(3))


def test_the_same_seed_draws_the_same():
    draws = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        result, _ = _sample(num=40, pos_fraction=0.25)
        draws.append(torch.cat([result.pos_inds, result.neg_inds]).tolist())
    assert draws[0] == draws[1]
    assert draws[0] != draws[2]


def test_all_without_sampling():
    result, _ = _sample('PseudoSampler')
    assert result.pos_inds.tolist() == list(range(20))
    assert result.neg_inds.tolist() == list(range(20, 120))
    assert not result.pos_is_gt.any()
    priors = random_boxes(125)
    torch.testing.assert_close(result.pos_bboxes, priors[:20])
    torch.testing.assert_close(result.neg_bboxes, priors[20:120])
    torch.testing.assert_close(result.bboxes, priors[:120])


@pytest.mark.parametrize('kind', ['RandomSampler', 'PseudoSampler'])
def test_classes_are_not_needed_without_objects_as_priors(kind):
    assigned, priors = _assigned()
    assigned.labels = None
    options = dict(num=40, pos_fraction=0.5, add_gt_as_proposals=False)
    sampler = build_sampler(dict(type=kind, **options))
    assert sampler.sample(assigned, priors, random_boxes(3)).pos_gt_labels is None


def test_no_objects():
    assigned = AssignResult(0, torch.zeros(9).long(), torch.zeros(9), torch.full((9,), -1))
    sampler = build_sampler(dict(type='RandomSampler', num=4, pos_fraction=0.5))
    none, labels = torch.zeros(0, 5), torch.zeros(0, dtype=torch.long)
    result = sampler.sample(assigned, random_boxes(9), none, labels)
    assert (len(result.pos_inds), len(result.neg_inds)) == (0, 4)
    assert result.pos_gt_bboxes.shape == (0, 5)


@given(
    counts=st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 5)),
    num=st.integers(1, 50),
    share=st.floats(0, 1),
    bound=st.sampled_from([-1, 0, 1, 3]),
)
def test_never_too_many_and_never_twice(counts, num, share, bound):
    settings = dict(num=num, pos_fraction=share, neg_pos_ub=bound, add_gt_as_proposals=False)
    result, _ = _sample(counts=counts, **settings)
    positive, negative = len(result.pos_inds), len(result.neg_inds)
    assert positive == min(counts[0], int(num * share))
    wanted = num - positive
    if bound >= 0:
        wanted = min(wanted, bound * max(positive, 1))
    assert negative == min(counts[1], wanted)
    chosen = torch.cat([result.pos_inds, result.neg_inds])
    assert chosen.unique().numel() == len(chosen)


class _RoIHead:
    """Losses that grow with x, and what it was asked for."""

    def sample_losses(self, feats, rois, labels):
        self.asked = feats, rois, labels
        return rois[:, 1]


@pytest.mark.parametrize('counts', [(20, 100, 5), (3, 100, 0), (20, 4, 0), (0, 0, 0)])
def test_the_hardest_are_taken(counts):
    assigned, priors = _assigned(*counts)
    head = _RoIHead()
    sampler = build_sampler(
        dict(type='OHEMSampler', num=40, pos_fraction=0.25, add_gt_as_proposals=False), context=head
    )
    feats = [torch.zeros(1, 2, 3, 3)]
    gts, labels = random_boxes(3, 9), torch.tensor([7, 8, 9])
    result = sampler.sample(assigned, priors, gts, labels, feats=feats)
    positive, negative, _ = counts
    hardest = priors[:positive, 0].argsort(descending=True)[:10]
    assert sorted(result.pos_inds.tolist()) == sorted(hardest.tolist())
    wanted = 40 - min(positive, 10)
    hardest = priors[positive : positive + negative, 0].argsort(descending=True)[:wanted]
    assert sorted(result.neg_inds.tolist()) == sorted((hardest + positive).tolist())
    if negative > wanted:
        got_feats, rois, labels = head.asked
        assert got_feats is feats
        assert rois.shape == (100, 6)
        assert (labels == -1).all()


def test_hardness_needs_a_head():
    with pytest.raises(ValueError, match='needs context, feats and gt_labels'):
        _sample('OHEMSampler', num=40, pos_fraction=0.25)
