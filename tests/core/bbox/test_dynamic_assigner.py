"""Assignment by the cost of predictions, against what MMRotate 1.x assigns."""

import math

import pytest
import torch

from mmrotate.core.bbox import ConvexAssigner, DynamicSoftLabelAssigner, SimOTAAssigner, batch_method, rbbox_overlaps
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


@pytest.mark.parametrize('together', [None, 0])  # image by image, too
def test_a_batch_is_assigned_as_its_images_are(together, monkeypatch):
    if together is not None:
        monkeypatch.setattr(dynamic_assigner, '_TOGETHER', together)
    scores, priors, boxes, gt, labels = scene(13)
    # as it is, another order with some positions off the image, far from all positions, without objects
    gts, all_labels = [gt, gt[5:].flip(0), gt[:2] + 1e4, gt[:0]], [labels, labels[5:].flip(0), labels[:2], labels[:0]]
    valid = torch.ones(4, len(priors), dtype=torch.bool)
    valid[1, ::3] = False
    batch = torch.stack([scores, scores.flip(0), scores, scores]), priors, torch.stack([boxes, boxes + 2, boxes, boxes])
    assigner = DynamicSoftLabelAssigner()
    owner, overlaps = assigner.assign_batch(*batch, gts, all_labels, valid)
    assert (owner > 0).sum(1).tolist()[2:] == [0, 0] and not owner[~valid].any()
    for i, rows in enumerate(valid):
        alone = assigner.assign(batch[0][i, rows], priors[rows], batch[2][i, rows], gts[i], all_labels[i])
        assert torch.equal(owner[i, rows], alone.gt_inds)
        torch.testing.assert_close(overlaps[i, rows], alone.max_overlaps)


def test_the_batch_goes_image_by_image_for_a_subclass_that_assigns_in_its_way():
    class Own(DynamicSoftLabelAssigner):
        def assign(self, *args):
            return super().assign(*args)

    class OwnBatch(DynamicSoftLabelAssigner):
        def assign_batch(self, *args):
            return 'own'

    patched = DynamicSoftLabelAssigner()
    patched.assign = lambda *args: None
    assert [batch_method(part, 'assign') for part in (Own(), patched, ConvexAssigner())] == [None] * 3
    assert batch_method(OwnBatch(), 'assign')() == 'own'
    whole = DynamicSoftLabelAssigner()
    assert batch_method(whole, 'assign') == whole.assign_batch


def plain_sim_ota(assigner, logits, priors, boxes, gt, labels):
    """Objects of the priors from 1, prior by prior and object by object."""

    def places(prior, box):
        gap, turn = prior[:2] - box[:2], box[4].item()
        along = gap[0] * math.cos(turn) + gap[1] * math.sin(turn)
        across = gap[1] * math.cos(turn) - gap[0] * math.sin(turn)
        inside = abs(along) <= box[2] / 2 - 0.01 and abs(across) <= box[3] / 2 - 0.01
        return inside, bool(gap.abs().max() < assigner.center_radius * prior[2])

    taking = [i for i, prior in enumerate(priors) if any(any(places(prior, box)) for box in gt)]
    ious = rbbox_overlaps(gt, boxes)
    cost = {}
    for g, box in enumerate(gt):
        for i in taking:
            chances = logits[i].double().sigmoid()
            classes = sum(-(c if k == labels[g] else 1 - c).log() for k, c in enumerate(chances))
            iou = -(ious[g, i].double() + 1e-7).log()
            far = 0 if all(places(priors[i], box)) else 1e5
            cost[g, i] = float(assigner.cls_weight * classes + assigner.iou_weight * iou + far)
    wishes = {i: [] for i in taking}
    for g in range(len(gt)):
        best = sorted((float(ious[g, i]) for i in taking), reverse=True)[: assigner.topk]
        for i in sorted(taking, key=lambda i, g=g: cost[g, i])[: max(int(sum(best)), 1)]:
            wishes[i].append(g)
    owner = torch.zeros(len(priors), dtype=torch.long)
    for i, wanting in wishes.items():
        if wanting:
            owner[i] = 1 + (wanting[0] if len(wanting) == 1 else min(range(len(gt)), key=lambda g, i=i: cost[g, i]))
    return owner


@pytest.mark.parametrize('block', [None, 300])  # objects one after the other, too
@pytest.mark.parametrize('settings', [{}, dict(center_radius=0.8, candidate_topk=4, iou_weight=1.0, cls_weight=2.0)])
@pytest.mark.parametrize('seed', range(3))
def test_sim_ota_assigns_as_plain_loops_do(seed, settings, block, monkeypatch):
    if block:
        monkeypatch.setattr(dynamic_assigner, '_PAIRS', block)
    generator = torch.Generator().manual_seed(seed)
    levels = [torch.cartesian_prod(*[torch.arange(0.0, 64, s) + s / 2] * 2) for s in (8, 16)]
    priors = torch.cat([torch.nn.functional.pad(p, (0, 1), value=s) for p, s in zip(levels, (8.0, 16.0), strict=True)])
    low, high = torch.tensor([0.0, 0, 6, 4, -1.5]), torch.tensor([64.0, 64, 40, 16, 1.5])
    gt = low + torch.rand(7, 5, generator=generator) * (high - low)
    # predictions near to objects, so that they overlap
    boxes = gt[torch.randint(7, (len(priors),), generator=generator)]
    boxes = boxes + torch.randn(len(priors), 5, generator=generator) * torch.tensor([4, 4, 2, 1, 0.2])
    boxes[:, 2:4] = boxes[:, 2:4].clamp(min=1)
    logits, labels = torch.randn(len(priors), 3, generator=generator), torch.arange(7) % 3
    assigner = SimOTAAssigner(**settings)
    found = assigner.assign(logits, priors, boxes, gt, labels)
    expected = plain_sim_ota(assigner, logits, priors, boxes, gt, labels)
    assert torch.equal(found.gt_inds, expected) and (expected > 0).sum() >= 7
    taken = expected > 0
    overlaps = rbbox_overlaps(gt[expected[taken] - 1], boxes[taken], is_aligned=True)
    torch.testing.assert_close(found.max_overlaps[taken], overlaps)
    assert not found.max_overlaps[~taken].any()


def test_sim_ota_without_priors_nearby():
    priors = torch.tensor([[4.0, 4, 8], [12, 4, 8]])
    facts = torch.zeros(2, 1), priors, torch.tensor([[4.0, 4, 4, 4, 0]] * 2)
    far, label = torch.tensor([[500.0, 500, 9, 9, 0]]), torch.tensor([0])
    assert SimOTAAssigner().assign(*facts, far, label).gt_inds.tolist() == [0, 0]
    assert SimOTAAssigner().assign(*facts, far[:0], label[:0]).gt_inds.tolist() == [0, 0]
    with pytest.raises(ArgumentError, match='candidate_topk must be at least 1, got 0'):
        SimOTAAssigner(candidate_topk=0)
