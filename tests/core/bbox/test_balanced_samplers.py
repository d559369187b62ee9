"""Samplers that balance over objects, overlaps and what confuses the detector."""

from types import SimpleNamespace

import pytest
import torch

from mmrotate.core.bbox import build_sampler
from mmrotate.core.bbox.assigners import AssignResult
from tests.helpers.golden import random_boxes

COUNT = 400


def assigned(positive=(60, 20, 10)):
    """Priors of which the first belong to objects, so many to each."""
    inds = torch.zeros(COUNT, dtype=torch.long)
    inds[: sum(positive)] = torch.arange(1, len(positive) + 1).repeat_interleave(torch.tensor(positive))
    overlaps = torch.where(inds > 0, 0.8, torch.linspace(0, 0.5, COUNT))
    overlaps[-50:] = 0
    return AssignResult(len(positive), inds, overlaps, (inds - 1).clamp(min=-1))


def sample(cfg, found=None, feats=None, context=None):
    sampler = build_sampler(dict(num=90, pos_fraction=1 / 3, add_gt_as_proposals=False) | cfg, context=context)
    found = found or assigned()
    return sampler.sample(found, random_boxes(COUNT), random_boxes(found.num_gts, 1), feats=feats), found


def test_every_object_has_its_share_of_positives():
    drawn, found = sample(dict(type='InstanceBalancedPosSampler'))
    assert len(drawn.pos_inds.unique()) == 30 and len(drawn.neg_inds) == 60
    counts = found.gt_inds[drawn.pos_inds].bincount(minlength=4)[1:].tolist()
    assert counts[2] >= 7 and max(counts) <= 11
    # where some have too few, others fill up
    drawn, found = sample(dict(type='InstanceBalancedPosSampler'), assigned((60, 2, 1)))
    assert len(drawn.pos_inds.unique()) == 30
    assert {1, 2, 3} == set(found.gt_inds[drawn.pos_inds].tolist())


@pytest.mark.parametrize('bins', [1, 3])
def test_negatives_are_spread_over_overlaps(bins):
    drawn, found = sample(dict(type='IoUBalancedNegSampler', floor_thr=0.2, floor_fraction=0.25, num_bins=bins))
    assert len(drawn.neg_inds.unique()) == 60
    overlaps = found.max_overlaps[drawn.neg_inds]
    assert (found.gt_inds[drawn.neg_inds] == 0).all()
    assert (overlaps < 0.2).sum() == 15 and (overlaps >= 0.2).sum() == 45
    if bins == 3:  # 0.2 to 0.4, 0.4 to 0.6, 0.6 to 0.8: the last is empty, and filled from the others
        assert ((overlaps >= 0.2) & (overlaps < 0.4)).sum() >= 15 and (overlaps >= 0.4).sum() >= 15


@pytest.mark.parametrize('floor', [-1, 0])
def test_without_a_floor(floor):
    drawn, found = sample(dict(type='IoUBalancedNegSampler', floor_thr=floor, floor_fraction=0.5))
    zeros = int((found.max_overlaps[drawn.neg_inds] == 0).sum())
    assert len(drawn.neg_inds.unique()) == 60
    assert zeros >= 30 if floor == 0 else zeros < 40


def test_two_samplers_together():
    cfg = dict(
        type='CombinedSampler',
        pos_sampler=dict(type='InstanceBalancedPosSampler'),
        neg_sampler=dict(type='IoUBalancedNegSampler', floor_thr=0.2, floor_fraction=0, num_bins=3),
        neg_pos_ub=1,
    )
    drawn, found = sample(cfg)
    assert len(drawn.pos_inds) == len(drawn.neg_inds) == 30
    assert found.gt_inds[drawn.pos_inds].bincount()[3] >= 7
    assert (found.max_overlaps[drawn.neg_inds] >= 0.2).all()


class Head(SimpleNamespace):
    """A detector that takes boxes for what their place in the batch says."""

    def sample_boxes(self, feats, rois):
        n = len(rois)
        scores = torch.linspace(0.9, 0.3, n).where(torch.arange(n) < 6, torch.tensor(0.01))
        at = torch.tensor([0.0, 0, 100, 100, 200, 300])[:n]
        boxes = torch.tensor([[0.0, 0, 20, 10, 0.2]]).repeat(n, 1)
        boxes[: len(at), 0] = at
        return torch.stack([scores, 1 - scores], 1), boxes

    def sample_losses(self, feats, rois, labels):
        assert (labels == -1).all()
        return torch.arange(1.0, len(rois) + 1)


def test_the_best_of_each_place_come_first():
    drawn, found = sample(dict(type='ScoreHLRSampler', num=40, pos_fraction=0.25), feats=(), context=Head())
    negatives = (found.gt_inds == 0).nonzero().flatten()
    places = [0, 2, 4, 5, 1, 3]
    assert drawn.neg_inds[:6].tolist() == negatives[places].tolist()
    assert len(drawn.neg_inds.unique()) == 30
    weights = (1 - torch.arange(30.0).clamp(max=5) / 30) ** 0.5
    losses = torch.arange(1.0, 31)
    expected = weights * losses.sum() / (losses * weights).sum()
    torch.testing.assert_close(drawn.neg_label_weights, expected)


def test_without_a_negative_or_a_head():
    drawn, _ = sample(dict(type='ScoreHLRSampler'), assigned((COUNT,)), feats=(), context=Head())
    assert len(drawn.neg_inds) == 0 and drawn.neg_label_weights is None
    with pytest.raises(ValueError, match='context'):
        sample(dict(type='ScoreHLRSampler'))


@pytest.mark.parametrize('wrong', [dict(floor_thr=-2), dict(floor_fraction=2), dict(num_bins=0)])
def test_wrong_arguments(wrong):
    with pytest.raises(AssertionError, match='floor_thr'):
        build_sampler(dict(type='IoUBalancedNegSampler', num=4, pos_fraction=0.5, **wrong))
