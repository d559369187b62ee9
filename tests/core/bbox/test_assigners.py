"""Assignment by the largest overlap, against a plain loop."""

import weakref

import pytest
import torch

from mmrotate.core import build_assigner, rbbox_overlaps
from mmrotate.core.bbox.assigners import max_iou_assigner
from tests.helpers.golden import array, random_boxes, tensor

ROTATED = dict(type='RBboxOverlaps2D')
CHUNKS = [None, 16_000_000, 70]  # overlaps held at once; None for matching in C++, which holds none


def _by_chunks(monkeypatch, chunk):
    if chunk is not None:
        monkeypatch.setenv('MMROTATE_OPS_BACKEND', 'torch')
        monkeypatch.setattr(max_iou_assigner, 'CHUNK', chunk)


def _build(**kwargs):
    return build_assigner(
        dict(type='MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.4, iou_calculator=ROTATED) | kwargs
    )


def loop_of_overlaps(overlaps, low, pos, neg, ignored=(), every=True):
    """(m, n) overlaps -> gt_inds, one prior and one object at a time."""
    overlaps = overlaps.clone()
    overlaps[:, list(ignored)] = -1
    gt_inds = []
    for column in overlaps.T:
        best = column.max()
        value = -1
        if best < neg:
            value = 0
        if best >= pos:
            value = int(column.argmax()) + 1
        gt_inds.append(value)
    for i, row in enumerate(overlaps):
        if row.max() >= low and row.max() > 0:
            best = (row == row.max()).nonzero().flatten().tolist()
            for j in best if every else best[:1]:
                gt_inds[j] = i + 1
    for j in ignored:
        gt_inds[j] = -1
    return torch.tensor(gt_inds)


def test_reference():
    result = _build(min_pos_iou=0).assign(tensor('assign_max_iou/priors'), tensor('assign_max_iou/gt'))
    assert result.gt_inds.tolist() == array('assign_max_iou/gt_inds').tolist()
    expected = tensor('assign_max_iou/max_overlaps')
    torch.testing.assert_close(result.max_overlaps, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize('low', [0.0, 0.3])
@pytest.mark.parametrize('chunk', CHUNKS)
def test_plain_loop_and_chunks(low, chunk, monkeypatch):
    _by_chunks(monkeypatch, chunk)
    priors, gts = random_boxes(200, 0, 120), random_boxes(15, 1, 120)
    result = _build(min_pos_iou=low).assign(priors, gts, gt_labels=torch.arange(15))
    expected = loop_of_overlaps(rbbox_overlaps(gts, priors), low, 0.5, 0.4)
    assert result.gt_inds.tolist() == expected.tolist()
    positive = expected > 0
    assert positive.any()
    assert result.labels[positive].tolist() == (expected[positive] - 1).tolist()
    assert (result.labels[~positive] == -1).all()


@pytest.mark.parametrize('chunk', CHUNKS)
@pytest.mark.parametrize('every', [True, False])
def test_plain_loop_with_ignored_boxes_and_ties(every, chunk, monkeypatch):
    _by_chunks(monkeypatch, chunk)
    priors = random_boxes(60, 0, 120).repeat(3, 1)  # every best prior stands in three chunks
    gts, ignore = random_boxes(15, 1, 120), random_boxes(4, 2, 120)
    shares = rbbox_overlaps(priors, ignore, 'iof').amax(1)
    ignored = (shares > 0.3).nonzero().flatten().tolist()
    assert 0 < len(ignored) < len(priors)
    options = dict(min_pos_iou=0.1, ignore_iof_thr=0.3, gt_max_assign_all=every)
    result = _build(**options).assign(priors, gts, ignore)
    expected = loop_of_overlaps(rbbox_overlaps(gts, priors), 0.1, 0.5, 0.4, ignored, every)
    assert result.gt_inds.tolist() == expected.tolist()


def test_few_chunks_are_held_at_once(monkeypatch):
    monkeypatch.setattr(max_iou_assigner, 'CHUNK', 30)
    alive, most = weakref.WeakSet(), 0

    def calculate(*boxes, **kwargs):
        nonlocal most
        overlaps = rbbox_overlaps(*boxes, **kwargs)
        alive.add(overlaps)
        most = max(most, len(alive))
        return overlaps

    assigner = _build()
    assigner.iou_calculator = calculate
    assigner.assign(random_boxes(200), random_boxes(15, 1))
    assert most <= 3  # of 100


def test_an_object_that_no_prior_touches_gets_none():
    """The reference gives it every prior without overlap, since 0 reaches ``min_pos_iou=0``."""
    priors = random_boxes(20)
    far = torch.tensor([[9000.0, 9000, 20, 10, 0.1]])
    result = _build(min_pos_iou=0).assign(priors, far)
    assert (result.gt_inds == 0).all()


def test_only_the_first_best_prior():
    gt = torch.tensor([[50.0, 50, 20, 20, 0]])
    priors = torch.tensor([[60.0, 50, 20, 20, 0], [40, 50, 20, 20, 0], [50, 60, 20, 20, 0]])
    every = _build(pos_iou_thr=0.9, neg_iou_thr=0.8, min_pos_iou=0.3).assign(priors, gt)
    first = _build(pos_iou_thr=0.9, neg_iou_thr=0.8, min_pos_iou=0.3, gt_max_assign_all=False).assign(priors, gt)
    # 10 of 20 px apart along one side or the other: all three overlap by a third
    assert every.gt_inds.tolist() == [1, 1, 1]
    assert sorted(first.gt_inds.tolist()) == [0, 0, 1]


def test_no_low_quality_matches():
    gt = torch.tensor([[50.0, 50, 20, 20, 0]])
    prior = torch.tensor([[58.0, 50, 20, 20, 0]])
    assert _build().assign(prior, gt).gt_inds.tolist() == [1]
    assert _build(match_low_quality=False).assign(prior, gt).gt_inds.tolist() == [-1]


def test_a_range_of_negatives():
    gt = torch.tensor([[50.0, 50, 20, 20, 0]])
    priors = torch.tensor([[500.0, 50, 20, 20, 0], [65, 50, 20, 20, 0]])
    result = _build(neg_iou_thr=(0.1, 0.4), match_low_quality=False).assign(priors, gt)
    assert result.gt_inds.tolist() == [-1, 0]


@pytest.mark.parametrize('of_prior', [True, False])
def test_ignored_boxes(of_prior):
    gt = torch.tensor([[50.0, 50, 20, 20, 0]])
    priors = torch.tensor([[200.0, 200, 10, 10, 0], [300, 50, 20, 20, 0]])
    ignore = torch.tensor([[200.0, 200, 40, 40, 0]])
    assigner = _build(ignore_iof_thr=0.5, ignore_wrt_candidates=of_prior)
    # the prior lies wholly in the ignored box, the box only by 1/16 in the prior
    expected = [-1, 0] if of_prior else [0, 0]
    assert assigner.assign(priors, gt, ignore).gt_inds.tolist() == expected
    without = _build(ignore_iof_thr=-1)
    assert without.assign(priors, gt, ignore).gt_inds.tolist() == [0, 0]


def test_nothing_to_assign():
    none = torch.zeros(0, 5)
    labels = torch.zeros(0, dtype=torch.long)
    result = _build().assign(random_boxes(3), none, gt_labels=labels)
    assert result.gt_inds.tolist() == [0, 0, 0]
    assert result.labels.tolist() == [-1, -1, -1]
    for gts in (random_boxes(3), none):
        result = _build().assign(none, gts, gt_labels=torch.zeros(len(gts)).long())
        assert result.gt_inds.shape == result.max_overlaps.shape == result.labels.shape == (0,)
        assert result.num_gts == len(gts)
    ignore = torch.tensor([[50.0, 50, 500, 500, 0]])
    result = _build(ignore_iof_thr=0.5).assign(random_boxes(3, 0, 100), none, ignore)
    assert result.gt_inds.tolist() == [-1, -1, -1]
    assert _build().assign(random_boxes(3), random_boxes(2)).labels is None


@pytest.mark.parametrize('chunk', [16_000_000, 2])
def test_the_first_best_prior_of_all_chunks(chunk, monkeypatch):
    monkeypatch.setattr(max_iou_assigner, 'CHUNK', chunk)
    gts = torch.tensor([[50.0, 50, 20, 20, 0], [500, 50, 20, 20, 0]])
    # the first object overlaps four priors alike, and there is one prior in a chunk of 2 overlaps
    priors = torch.tensor([[65.0, 50, 20, 20, 0]] * 4 + [[510, 50, 20, 20, 0]])
    assigner = _build(min_pos_iou=0.1, gt_max_assign_all=False)
    assert assigner.assign(priors, gts).gt_inds.tolist() == [1, 0, 0, 0, 2]
    every = _build(min_pos_iou=0.1).assign(priors, gts)
    assert every.gt_inds.tolist() == [1, 1, 1, 1, 2]


def test_overlaps_are_computed_once_and_in_bounded_parts(monkeypatch):
    monkeypatch.setattr(max_iou_assigner, 'CHUNK', 100)
    assigner = _build(min_pos_iou=0)
    calculate, shapes = assigner.iou_calculator, []

    def recording(gts, priors):
        shapes.append((len(gts), len(priors)))
        return calculate(gts, priors)

    assigner.iou_calculator = recording
    assigner.assign(random_boxes(95, 0, 120), random_boxes(10, 1, 120))
    assert shapes == [(10, 10)] * 9 + [(10, 5)]
