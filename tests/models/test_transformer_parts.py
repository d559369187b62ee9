"""Parts of the detectors that find objects by queries, against what AI4RS computes, and their rules."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mmrotate.core.bbox import build_assigner
from mmrotate.core.bbox.assigners import hungarian_assigner
from mmrotate.models import build_loss
from mmrotate.models.transformers import NoisedQueries
from mmrotate.models.transformers.attention import MultiScaleDeformableAttention
from mmrotate.models.transformers.positions import SinePositions, box_waves, inverse_sigmoid
from mmrotate.registry import TASK_UTILS
from mmrotate.utils.errors import ArgumentError
from tests.helpers import golden

tensor = partial(golden.tensor, file='newer/detr/ops.npz')
KLD = dict(loss_type='kld', fun='log1p', tau=1, sqrt=False)


@pytest.mark.parametrize(
    ('name', 'cfg'),
    [
        ('chamfer', dict(type='ChamferCost', weight=5.0)),
        ('hausdorff', dict(type='HausdorffCost', weight=5.0)),
        ('rbox_l1', dict(type='RBoxL1Cost', weight=5.0)),
        ('gd_kld_log1p', dict(type='GDCost', weight=2.0, **KLD)),
        ('rotated_iou', dict(type='RotatedIoUCost', weight=2.0)),
    ],
)
def test_costs_are_those_of_the_reference(name, cfg):
    pred, gt, size, out = (tensor(f'cost_{name}/{key}') for key in ('pred', 'gt', 'img_hw', 'out'))
    cost = TASK_UTILS.build(cfg)
    found = cost(torch.zeros(20, 3), pred, gt, torch.zeros(7, dtype=torch.long), size.tolist()[::-1])
    torch.testing.assert_close(found, out, rtol=1e-4, atol=1e-4)


def covariance(box):
    """That of a box whose sides are two standard deviations long."""
    turn = np.array([[math.cos(box[4]), -math.sin(box[4])], [math.sin(box[4]), math.cos(box[4])]])
    return turn @ np.diag((box[2:4] / 2) ** 2) @ turn.T


def wasserstein(p, t, alpha):
    """The distance by its traces."""
    values, axes = np.linalg.eigh(covariance(p))
    half = axes @ np.diag(values**0.5) @ axes.T
    mixed = np.linalg.eigvalsh(half @ covariance(t) @ half).clip(0)
    shapes = np.trace(covariance(p)) + np.trace(covariance(t)) - 2 * (mixed**0.5).sum()
    distance = ((p[:2] - t[:2]) ** 2).sum() + alpha**2 * shapes
    return math.sqrt(distance) / (2 * (np.linalg.det(covariance(p)) * np.linalg.det(covariance(t))) ** 0.125)


def divergence(p, t, alpha):
    """Of the object from the prediction."""
    inverse, gap = np.linalg.inv(covariance(p)), p[:2] - t[:2]
    logs = math.log(np.linalg.det(covariance(p)) / np.linalg.det(covariance(t)))
    return (gap @ inverse @ gap / alpha**2 + np.trace(inverse @ covariance(t)) + logs) / 2 - 1


@pytest.mark.parametrize('alpha', [1.0, 0.5])
@pytest.mark.parametrize(
    ('cfg', 'oracle'),
    [
        (dict(loss_type='gwd', tau=1), lambda *facts: 1 - 1 / (1 + math.log1p(wasserstein(*facts)))),
        (dict(loss_type='gwd', fun='none'), wasserstein),
        (dict(loss_type='gwd', fun='sqrt', tau=2.0), lambda *facts: 1 - 1 / (2 + wasserstein(*facts) ** 0.5)),
        (KLD, lambda *facts: 1 - 1 / (1 + math.log1p(divergence(*facts)))),
        (dict(loss_type='kld', fun='sqrt', sqrt=False), lambda *facts: divergence(*facts) ** 0.5),
        (dict(loss_type='kld', fun='none'), lambda *facts: divergence(*facts) ** 0.5),
        (
            dict(loss_type='jd', fun='none', sqrt=False),
            lambda p, t, alpha: (divergence(p, t, alpha) + divergence(t, p, alpha)) / 2,
        ),
    ],
)
def test_costs_of_normal_distributions_are_those_of_their_formulas(cfg, oracle, alpha):
    """Every pair of a prediction and an object by itself, by matrices in double precision."""
    low, high = torch.tensor([0.0, 0, 4, 4, -2]), torch.tensor([60.0, 60, 40, 20, 2])
    pred, gt = (low + torch.rand(n, 5) * (high - low) for n in (6, 4))
    cost = TASK_UTILS.build(dict(type='GDCost', weight=2.0, alpha=alpha, **cfg))
    found = cost(torch.zeros(6, 3), pred, gt, torch.zeros(4, dtype=torch.long), (100, 100))
    expected = [[2 * oracle(p, t, alpha) for t in gt.double().numpy()] for p in pred.double().numpy()]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float32), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('kind', ['gwd', 'kld'])
def test_matches_by_normal_distributions_are_the_best(kind):
    """A prediction that is the object wins over one that is it but turned, and both over one elsewhere."""
    gt = torch.tensor([[20.0, 20, 30, 10, 0.3], [70.0, 60, 20, 10, -1.0]])
    turned = gt + torch.tensor([0, 0, 0, 0, 0.4])
    pred = torch.cat([gt + 40, turned, gt.flip(0)])
    assigner = build_assigner(dict(type='HungarianAssigner', match_costs=dict(type='GDCost', loss_type=kind, tau=1)))
    facts = (gt, torch.zeros(2, dtype=torch.long), (100, 100))
    assert assigner.assign(torch.zeros(6, 3), pred, *facts).gt_inds.tolist() == [0, 0, 0, 0, 2, 1]
    assert assigner.assign(torch.zeros(4, 3), pred[:4], *facts).gt_inds.tolist() == [0, 0, 1, 2]


@pytest.mark.parametrize('kind', ['gwd', 'kld', 'jd', 'kld_symmax', 'kld_symmin'])
def test_costs_of_boxes_without_width_and_far_away_are_finite(kind):
    boxes = torch.tensor([[0, 0, 0, 0, 0], [1e6, -1e6, 1e6, 1e-9, 1], [5, 5, 0, 30, 3]])
    found = TASK_UTILS.build(dict(type='GDCost', loss_type=kind))(None, boxes, boxes, None, (9, 9))
    assert found.isfinite().all() and found.shape == (3, 3)


@pytest.mark.parametrize(
    'wrong', [dict(loss_weight=5.0), dict(reduction='sum'), dict(representation='xy_stddev_pearson')]
)
def test_a_cost_takes_nothing_that_it_would_not_obey(wrong):
    with pytest.raises((TypeError, ArgumentError), match=next(iter(wrong))):
        TASK_UTILS.build(dict(type='GDCost', loss_type='gwd', **wrong))


def test_a_focal_cost_is_what_the_loss_gains():
    logits, labels = torch.randn(6, 3), torch.tensor([0, 2])
    cost = TASK_UTILS.build(dict(type='FocalLossCost', weight=2.0))(logits, None, None, labels, (1, 1))
    loss = build_loss(dict(type='FocalLoss', reduction='none', loss_weight=2.0))
    of_class = [loss(logits, torch.full((6,), int(c)))[:, c] - loss(logits, torch.full((6,), 3))[:, c] for c in labels]
    torch.testing.assert_close(cost, torch.stack(of_class, 1), rtol=1e-4, atol=1e-6)


def test_deformable_attention_with_turned_boxes_is_that_of_the_reference():
    part = MultiScaleDeformableAttention(32, num_heads=4, num_levels=2, num_points=4, dropout=0.0)
    part.load_state_dict({key: tensor(f'rotated_msda/w.{key}') for key in part.state_dict()})
    query, value, points, shapes, out = (
        tensor(f'rotated_msda/{key}') for key in ('query', 'value', 'reference_points', 'shapes', 'out')
    )
    found = part(query, None, points, shapes.tolist(), value)
    torch.testing.assert_close(found, out, rtol=1e-5, atol=1e-5)
    with pytest.raises(ArgumentError, match='embed_dims must be a multiple of num_heads, got 32 and 5'):
        MultiScaleDeformableAttention(32, 5)


def test_waves_of_boxes_are_those_of_the_reference():
    coords, out = tensor('coordinate_to_encoding/coords'), tensor('coordinate_to_encoding/out')
    torch.testing.assert_close(box_waves(coords), out, rtol=1e-5, atol=1e-5)


def test_rows_and_columns_are_counted_on_the_image():
    """A padded image has the waves that it has alone."""
    positions = SinePositions(8, normalize=True)
    alone = positions(torch.zeros(1, 3, 4, dtype=torch.bool)).view(3, 4, -1)
    padded = positions(F.pad(torch.zeros(1, 3, 4, dtype=torch.bool), (0, 2, 0, 1), value=True)).view(4, 6, -1)
    torch.testing.assert_close(padded[:3, :4], alone)


def test_logits_of_shares_are_finite():
    shares = torch.tensor([0.0, 0.3, 1.0])
    torch.testing.assert_close(
        inverse_sigmoid(shares, 1e-3).sigmoid(), torch.tensor([1e-3, 0.3, 0.999]), rtol=0, atol=2e-6
    )


@pytest.mark.parametrize(
    ('name', 'cfg'),
    [
        ('rtdetr_varifocal', dict(type='RTDETRVarifocalLoss', alpha=0.75, gamma=2.0)),
        ('deim_mal', dict(type='DEIMMalLoss', alpha=1.0, gamma=1.5)),
    ],
)
def test_losses_of_qualities_are_those_of_the_reference(name, cfg):
    pred, target, out, grad = (tensor(f'loss_{name}/{key}') for key in ('pred', 'target', 'out', 'grad'))
    loss = build_loss(cfg)(pred.requires_grad_(), target, avg_factor=12)
    loss.backward()
    torch.testing.assert_close(loss.detach(), out, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(pred.grad, grad, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize('mode', ['only_xyxy', 'only_xywh', 'only_angle', 'all_xyxya'])
def test_noised_queries(mode):
    make = NoisedQueries(3, 8, label_noise_scale=0.0, group_cfg=dict(num_dn_queries=8), noise_mode=mode)
    boxes = [torch.tensor([[0.5, 0.5, 0.2, 0.1, 0.4], [0.4, 0.6, 0.3, 0.2, 0.6]]), torch.empty(0, 5)]
    labels = [torch.tensor([2, 0]), torch.empty(0, dtype=torch.long)]
    noised = make(boxes, labels, 5)
    assert (noised.groups, noised.length) == (4, 16)
    assert noised.near(2).tolist() == [[0, 1], [4, 5], [8, 9], [12, 13]]
    torch.testing.assert_close(noised.query[0, [0, 1, 3]], make.label_embedding.weight[[2, 0, 0]])
    assert noised.query[1].eq(0).all() and noised.reference[1].eq(0.5).all()
    gap = (noised.reference[0].view(4, 2, 2, 5) - boxes[0]).abs()
    # of centre and sides, as shares of the sides: near to the object less than that of those further away may be
    sides = boxes[0][:, 2:4].repeat(1, 2) / 2
    moved = gap[..., :4] / sides
    if mode == 'only_angle':
        assert moved.max() < 1e-4
    else:
        assert moved[:, 0, :, :2].max() <= 1 + 1e-4 and moved.max() > 1
    assert (gap[..., 4].max() > 1e-4) == (mode in ('only_angle', 'all_xyxya'))
    # a query sees its group and what has to find objects; the latter see no noised one
    mask = noised.mask
    assert not mask[:4, :4].any() and mask[:4, 4:16].all() and not mask[:, 16:].any() and mask[16:, :16].all()


def test_without_objects_there_are_no_noised_queries():
    noised = NoisedQueries(3, 8)([torch.empty(0, 5)], [torch.empty(0, dtype=torch.long)], 5)
    assert noised.length == 0 and noised.mask.shape == (5, 5) and not noised.mask.any()
    assert noised.query.requires_grad  # so that all processes of a training have the same gradients


@pytest.mark.parametrize(
    ('cfg', 'message'),
    [
        (dict(noise_mode='xy'), 'noise_mode must be one of'),
        (dict(group_cfg=dict(groups=1)), 'group_cfg knows'),
        (dict(group_cfg=dict(dynamic=False)), 'dynamic=False needs num_groups'),
    ],
)
def test_noise_that_cannot_be_meant(cfg, message):
    with pytest.raises(ArgumentError, match=message):
        NoisedQueries(3, 8, **cfg)


def test_noised_queries_that_lose_their_objects():
    """RHINO: the first object is nearer to a query without noise; the second one's own query is nearest."""
    assigner = build_assigner(dict(type='DNGroupHungarianAssigner', match_costs=dict(type='RBoxL1Cost')))
    objects = torch.tensor([[20.0, 20, 10, 5, 0], [60, 60, 10, 5, 0]])
    own = objects + torch.tensor([[4.0, 0, 0, 0, 0], [1, 0, 0, 0, 0]])
    others = objects + torch.tensor([[1.0, 0, 0, 0, 0], [9, 0, 0, 0, 0]])
    boxes = torch.cat([own, objects, others])
    facts = (torch.zeros(6, 1), boxes, objects, torch.zeros(2, dtype=torch.long), (100, 100))
    assert assigner.held(2, *facts).tolist() == [[False, True], [True, True]]


def test_the_cheapest_pairs():
    scores = torch.tensor([[0.0, 4], [4, 0], [4, 4]])
    assigner = build_assigner(dict(type='HungarianAssigner', match_costs=[dict(type='FocalLossCost')]))
    result = assigner.assign(scores, torch.rand(3, 5), torch.rand(2, 5), torch.tensor([0, 1]), (1, 1))
    assert result.gt_inds.tolist() in ([0, 1, 2], [2, 1, 0]) and result.labels.tolist() in ([-1, 0, 1], [1, 0, -1])
    empty = assigner.assign(scores, torch.rand(3, 5), torch.rand(0, 5), torch.empty(0, dtype=torch.long), (1, 1))
    assert empty.gt_inds.tolist() == [0, 0, 0]
    with pytest.raises(ArgumentError, match='at least one cost'):
        build_assigner(dict(type='HungarianAssigner', match_costs=[]))


@pytest.mark.parametrize('at_once', [1, 200, 10**6])
def test_images_together_are_matched_as_each_alone(monkeypatch, at_once):
    monkeypatch.setattr(hungarian_assigner, '_PAIRS_AT_ONCE', at_once)
    kinds = ('FocalLossCost', 'RBoxL1Cost', 'ChamferCost', 'HausdorffCost', 'RotatedIoUCost')
    costs = [*(dict(type=kind) for kind in kinds), dict(type='GDCost', **KLD)]
    assigner = build_assigner(dict(type='HungarianAssigner', match_costs=costs))
    sizes, counts = [torch.tensor(size) for size in ([90.0, 60], [120, 80], [64, 64], [90, 60])], (3, 0, 12, 1)
    scores = torch.randn(4, 10, 3)
    boxes, *objects = (torch.rand(*shape, 5) * 40 + 2 for shape in ((4, 10), *((count,) for count in counts)))
    labels = [torch.randint(3, (count,)) for count in counts]
    (found,) = assigner.assign_batch(scores, boxes, objects, labels, sizes)
    alone = [assigner.assign(*image).gt_inds for image in zip(scores, boxes, objects, labels, sizes, strict=True)]
    assert found.tolist() == torch.stack(alone).tolist()
    assert (found > 0).sum(1).tolist() == [3, 0, 10, 1]


def test_chamfer_is_blind_to_which_side_is_longer():
    """A box and the same box by its other side cost nothing to each other, where five numbers differ."""
    box = torch.tensor([[50.0, 50, 30, 29, 0.1]])
    same = torch.tensor([[50.0, 50, 29, 30, 0.1 + math.pi / 2]])
    for name, least in (('ChamferCost', 0), ('HausdorffCost', 0), ('RBoxL1Cost', 0.4)):
        cost = TASK_UTILS.build(dict(type=name))(None, box, same, None, (100, 100)).item()
        assert np.isclose(cost, 0, atol=1e-5) if least == 0 else cost > least
