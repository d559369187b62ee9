"""RepPoints heads: points, targets, selection against plain loops, and boxes."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrotate.core import obb2poly
from mmrotate.core.bbox import MaxConvexIoUAssigner
from mmrotate.models import build_head
from mmrotate.models.dense_heads import RotatedRepPointsHead
from mmrotate.models.dense_heads.reppoints_targets import (
    best_of_levels,
    consistent_weights,
    handed_out_in_place,
    own_shares,
    point_targets,
    rank_in_group,
)
from mmrotate.models.dense_heads.sam_reppoints_head import shape_distances
from mmrotate.ops import convex_iou
from tests.helpers import reference
from tests.helpers.configs import reppoints

SIZES = [(12, 16), (6, 8), (3, 4), (2, 2), (1, 1)]
STRIDES = (8, 16, 32, 64, 128)
COUNT = sum(h * w for h, w in SIZES)
POSITIVES = st.lists(st.tuples(st.floats(0, 9, width=32), st.integers(0, 3), st.integers(0, 2)), max_size=25)


def build(method='plain', version='le90', **kwargs):
    cfg = reppoints(version, method)
    torch.manual_seed(0)
    parts = {key: cfg[key] for key in ('train_cfg', 'test_cfg')}
    head = build_head({**cfg['bbox_head'], **parts, **kwargs})
    head.init_weights()
    return head


def features(count=2):
    torch.manual_seed(1)
    return [torch.randn(count, 16, *size) for size in SIZES]


def outputs(head, count=2):
    """Outputs with points that lie apart, as those of a trained head do."""
    outs = head(features(count))
    for maps in outs[1:3]:
        for x in maps:
            x.data.add_(torch.randn_like(x))
    return outs


def truth(seed=0, count=4):
    torch.manual_seed(seed)
    places = torch.rand(count, 2) * torch.tensor([128, 96])
    sides = 10 + torch.rand(count, 2) * 50
    boxes = torch.cat([places, sides, torch.rand(count, 1) - 0.5], 1)
    return boxes, torch.arange(count) % 3


def test_points_are_offsets_in_strides_down_first():
    head = build()
    offsets = torch.zeros(1, 2, 18)
    offsets[0, 1, :4] = torch.tensor([1.0, 2, -3, 4])  # down, right, up, right
    positions = torch.tensor([[8.0, 16, 8], [32, 64, 16]])
    points = head._points(offsets, positions).view(1, 2, 9, 2)
    assert (points[0, 0] == torch.tensor([8.0, 16])).all()
    assert points[0, 1, :3].tolist() == [[64, 80], [96, 16], [32, 64]]


@pytest.mark.parametrize('as_published', [True, False])
def test_what_objects_are_assigned_to_are_the_points_predicted(as_published):
    head = build(as_published=as_published)
    seen = []
    head.refine_assigner.assign = lambda points, *args: (
        seen.append(points) or type(head.refine_assigner).assign(head.refine_assigner, points, *args)
    )
    outs = outputs(head, 1)
    boxes, labels = truth()
    head.loss(*outs, [boxes], [labels], reference.metas(96, 128, count=1))
    offsets = torch.cat([m.flatten(2).mT for m in outs[1]], 1)
    positions = torch.cat(head._positions(SIZES, 'cpu'))
    if as_published:  # the reference takes offsets down for offsets to the right, here only
        offsets = offsets.unflatten(-1, (-1, 2)).flip(-1).flatten(-2)
    assert torch.equal(seen[0], head._points(offsets, positions)[0])


def test_the_published_models_hand_out_weights_by_place():
    keep = torch.tensor([True, True, False, True])
    cost, owners = torch.tensor([3.0, 1.0, 9.0, 2.0]), torch.zeros(4, dtype=torch.long)
    weights = torch.tensor([0.3, 0.1, 0.0, 0.2])
    got = handed_out_in_place(keep, weights, cost, owners)
    torch.testing.assert_close(got, torch.tensor([0.1, 0.2, 0.0, 0.3]))


def test_the_second_stage_pulls_gently_at_the_first():
    head = build(gradient_mul=0.3)
    x = torch.randn(1, 16, 6, 8)
    weight = head.reppoints_pts_init_out.weight

    def pull(share):
        head.gradient_mul = share
        scores = head.forward_single(x)[0]
        return torch.autograd.grad(scores.square().sum(), weight)[0]

    full = pull(1.0)
    assert full.abs().max() > 0
    torch.testing.assert_close(pull(0.3), 0.3 * full, rtol=1e-4, atol=1e-9)
    assert pull(0.0).abs().max() == 0


@pytest.mark.parametrize('pos_weight', [-1, 2.5])
def test_targets(pos_weight):
    class Assigner:
        def assign(self, points, polys, ignore, labels):
            gt_inds = torch.tensor([1, 0, -1, 2])[: len(points)]
            return type('Result', (), dict(gt_inds=gt_inds if len(polys) else gt_inds * 0))

    polys = [torch.rand(2, 8), torch.rand(0, 8), torch.rand(2, 8)]
    labels = [torch.tensor([0, 1]), torch.zeros(0, dtype=torch.long), torch.tensor([2, 0])]
    valid = torch.tensor([[True] * 4 + [False]] * 3)
    truth = (polys, labels, [None] * 3, 3)
    found = point_targets(Assigner(), torch.rand(3, 5, 18), valid, [5], *truth, pos_weight=pos_weight)
    weight = 1.0 if pos_weight < 0 else pos_weight
    assert found.labels.tolist() == [[0, 3, 3, 1, 3], [3] * 5, [2, 3, 3, 0, 3]]
    assert found.label_weights.tolist() == [
        [weight, 1, 0, weight, 0], [1, 1, 1, 1, 0], [weight, 1, 0, weight, 0],
    ]  # fmt: skip
    assert found.owners.tolist() == [[0, -1, -1, 1, -1], [-1] * 5, [0, -1, -1, 1, -1]]
    assert found.weights.tolist() == (found.owners >= 0).float().tolist()
    assert torch.equal(found.polys[2, 3], polys[2][1])
    assert found.polys[1].abs().max() == 0


def test_an_assigner_by_overlap_is_asked_for_them():
    class Assigner(MaxConvexIoUAssigner):
        def convex_overlaps(self, gt_rbboxes, points):
            overlaps = points.new_zeros(len(gt_rbboxes), len(points))
            overlaps[:, 3] = 1
            return overlaps

    valid, labels = torch.ones(1, 5, dtype=torch.bool), [torch.tensor([2])]
    polys = [obb2poly(torch.tensor([[50.0, 50, 20, 20, 0.1]]))]
    found = point_targets(Assigner(0.5, 0.4), torch.rand(1, 5, 18), valid, [5], polys, labels, [None], 9)
    assert found.labels.tolist() == [[9, 9, 9, 2, 9]]


def test_positions_beyond_the_image_do_not_count():
    head = build()
    outs = outputs(head, 1)
    meta = dict(reference.metas(96, 128, count=1)[0], pad_shape=(40, 64, 3))
    boxes, labels = truth()
    small = torch.cat(head._valid_flags(SIZES, [meta], 'cpu')[0])
    assert small.sum() == 5 * 8 + 3 * 4 + 2 * 2 + 1 + 1
    losses = head.loss(*outs, [boxes[:0]], [labels[:0]], [meta])
    whole = head.loss(*outs, [boxes[:0]], [labels[:0]], reference.metas(96, 128, count=1))
    share = sum(losses['loss_cls']) / sum(whole['loss_cls'])
    assert share.item() == pytest.approx(float(small.sum()) / COUNT, rel=0.2)


@given(POSITIVES)
@settings(deadline=None)
def test_ranks_are_those_of_a_plain_loop(rows):
    cost, groups = torch.tensor([r[0] for r in rows]), torch.tensor([r[1] for r in rows]).long()
    rank, size = rank_in_group(cost, groups)
    for i in range(len(rows)):
        rivals = [j for j in range(len(rows)) if rows[j][1] == rows[i][1]]
        assert size[i] == len(rivals)
        assert rank[i] == sum((rows[j][0], j) < (rows[i][0], i) for j in rivals)


@given(POSITIVES, st.integers(1, 4))
@settings(deadline=None)
def test_best_of_levels_is_a_plain_loop(rows, topk):
    cost, owners, level = (torch.tensor([r[i] for r in rows]) for i in range(3))
    best = best_of_levels(cost, owners.long(), level.long(), topk)
    expected = []
    for owner in range(4):
        for k in range(3):
            here = [i for i, row in enumerate(rows) if row[1:] == (owner, k)]
            expected += sorted(here, key=lambda i: (rows[i][0], i))[:topk]
    assert sorted(expected) == best.tolist()


def head_total(losses):
    return sum(sum(v) if isinstance(v, list) else v for v in losses.values())


def plain_weights(cost, share, anti_factor):
    """What CFA does with one object: indices kept, and their weights."""
    order = sorted(range(len(cost)), key=lambda i: (cost[i], i))
    if len(order) < 2:
        return dict.fromkeys(order, 1.0)
    values = [cost[i] for i in order]
    mean = sum(values) / len(values)
    var = sum((v - mean) ** 2 for v in values) / (len(values) - 1)
    density = [math.exp(-((v - mean) ** 2) / var) / math.sqrt(var) for v in values]
    tail = [sum(density[i:]) for i in range(len(density))]
    confidence = [(t - tail[-1]) / (tail[0] - tail[-1]) for t in tail]
    curve = [c * v for c, v in zip(confidence, values, strict=True)]
    end = curve.index(max(curve)) + 1
    raw = [anti_factor * share[i] * c + 1e-6 for i, c in zip(order, confidence, strict=True)][:end]
    return {i: w / sum(raw) * end for i, w in zip(order, raw, strict=False)}


@given(st.integers(0, 30), st.integers(1, 5), st.integers(0, 1000))
@settings(deadline=None)
def test_weights_of_cfa_are_those_of_a_plain_loop(count, objects, seed):
    # each position has its own weight, where the reference hands out those of others
    torch.manual_seed(seed)
    cost, share = (torch.rand(count, dtype=torch.float64) + 0.1 for _ in range(2))
    owners = torch.randint(0, objects, (count,))
    keep, weights = consistent_weights(cost, owners, share, 0.75)
    for owner in range(objects):
        here = (owners == owner).nonzero().squeeze(1)
        expected = plain_weights(cost[here].tolist(), share[here].tolist(), 0.75)
        assert keep[here].nonzero().squeeze(1).tolist() == sorted(expected)
        for i, weight in expected.items():
            assert weights[here[i]].item() == pytest.approx(weight, rel=1e-9)


def test_weights_of_equal_costs_are_finite():
    cost, owners = torch.full((6,), 0.7), torch.tensor([0, 0, 0, 0, 2, 2])
    keep, weights = consistent_weights(cost, owners, torch.ones(6), 0.75)
    assert weights.isfinite().all()
    for owner in (0, 2):
        here = owners == owner
        assert weights[here & keep].sum() == pytest.approx((here & keep).sum())
        assert (here & keep).any()


def test_own_shares():
    polys = obb2poly(truth(0)[0], 'le90')
    points = torch.rand(2, 18) * 100
    shares = own_shares(points, polys, torch.tensor([3, 0]))
    for share, place, own in zip(shares, points, (3, 0), strict=True):
        overlaps = convex_iou(place[None], polys)[0]
        assert share == overlaps[own] / (overlaps.sum() + 1e-6)


@pytest.mark.parametrize('method', ['cfa', 'oriented'])
def test_selection_keeps_a_part_of_the_positives(method):
    head = build(method)
    seen = []

    def select(image, maps):
        seen.append((image, type(head)._select(head, image, maps)))
        return seen[-1][1]

    head._select = select
    boxes, labels = zip(*(truth(i, 6) for i in range(2)), strict=True)
    losses = head.loss(*outputs(head), boxes, labels, reference.metas(96, 128))
    assert head_total(losses).isfinite()
    assert len(seen) == 2
    for image, (label, _, weight, *_, scale) in seen:
        kept = (label < 3).nonzero().squeeze(1)
        assert 0 < len(kept) < len(image.pos_inds)
        assert torch.equal(label[kept], image.labels[kept])
        assert set(kept.tolist()) <= set(image.pos_inds.tolist())
        # of each object something is left
        assert set(image.gt_inds[torch.isin(image.pos_inds, kept)].tolist()) == set(image.gt_inds.tolist())
        assert torch.equal((weight > 0).nonzero().squeeze(1), kept)
        strides = torch.tensor(STRIDES).repeat_interleave(torch.tensor(image.counts))
        assert torch.equal(scale, 2 * strides[kept])


def test_oriented_keeps_the_share_it_should():
    head = build('oriented', top_ratio=0.4)
    owners = torch.tensor([0, 0, 0, 0, 0, 1, 1, 2])
    quality = torch.tensor([5.0, 1, 4, 2, 3, 9, 8, 7])
    ones = torch.ones(8)
    found = head.dynamic_pointset_samples_selection(quality, owners, ones, ones, torch.arange(8), owners)
    label, label_weight, weight, count, scale = found
    assert weight.bool().tolist() == [False, True, False, True, False, False, True, True]
    assert label.tolist() == [3, 0, 3, 0, 3, 3, 1, 2]
    assert torch.equal(label_weight, ones)
    assert (count, scale.tolist()) == (4, [16.0] * 4)


def test_shape_distances():
    # 16 along the box and 4 across, turned and at a place of its own
    box = torch.tensor([[60.0, 50, 16, 4, 0.4]]).repeat(3, 1)
    along = torch.tensor([math.cos(0.4), math.sin(0.4)])
    across = torch.tensor([-math.sin(0.4), math.cos(0.4)])
    places = box[:, :2] + torch.stack([8 * along, 4 * across, along * 0])
    got = shape_distances(places, obb2poly(box, 'le90'))
    torch.testing.assert_close(got, torch.tensor([2.0, 2.0, 0.0]), atol=1e-4, rtol=1e-5)
    upright = box * torch.tensor([1.0, 1, 1, 1, 0])
    got = shape_distances(places, obb2poly(box, 'le90'), turned=False)
    torch.testing.assert_close(got, shape_distances(places, obb2poly(upright, 'le90')))


@pytest.mark.parametrize('as_published', [True, False])
def test_sasm_weighs_by_place(as_published):
    head = build('sasm', as_published=as_published)
    outs, (boxes, labels) = outputs(head, 1), truth()
    centers, valid = head.get_points(SIZES, reference.metas(96, 128, count=1))
    facts = (valid, [boxes], reference.metas(96, 128, count=1), None, [labels])
    for stage, proposals in (('init', centers), ('refine', head._proposals(centers, outs[1]))):
        *targets, factors = head.get_targets(proposals, *facts, stage=stage)
        plain = RotatedRepPointsHead.get_targets(head, proposals, *facts, stage=stage)
        assert len(targets) == len(plain) == 7
        factor, positive = torch.cat(factors, 1), torch.cat(targets[4], 1) > 0
        assert positive.any()
        assert ((factor > 1) & (factor <= math.e))[positive].all()
        assert (factor[~positive] == math.e).all()


def test_features_that_are_alike_cost_nothing():
    head = build('oriented')
    maps = [torch.ones(1, 16, *size) for size in SIZES]
    maps[1][:, :, :, 4:] = -1.0
    points = torch.full((1, 2, 18), 40.0)
    points[0, 1, ::4] = 80.0  # some points on the other half
    features = [head.get_adaptive_points_feature(maps[i], points[:, i : i + 1], STRIDES[i]) for i in range(2)]
    assert features[0].shape == (1, 16, 1, 9)
    cost = head.feature_cosine_similarity(torch.cat(features, 2)[0].permute(1, 2, 0))
    assert cost[0].item() == pytest.approx(0, abs=1e-6)
    assert cost[1] > 0.5


def test_sampling_points():
    points = build('oriented').sampling_points(torch.tensor([[0.0, 0, 9, 0, 9, 9, 0, 9]]), 10, 'cpu')
    assert points.shape == (1, 40, 2)
    assert points[0, :10].tolist() == [[i, 0] for i in range(10)]
    assert points[0, 30:, 0].abs().max() == 0


@pytest.mark.parametrize('version', ['oc', 'le90', 'le135'])
@pytest.mark.parametrize('method', ['plain', 'kld'])
def test_points_become_the_box_they_fill(version, method):
    head = build(method, version)
    box = torch.tensor([[60.0, 50, 40, 16, 0.4]])
    corners = obb2poly(box, version).view(4, 2)
    points = torch.cat([corners, (corners + corners.roll(-1, 0)) / 2, box[:, :2]]).reshape(1, 18)
    got = head._to_boxes(points)[0]
    assert got[:2].tolist() == pytest.approx([60, 50], abs=1e-3)
    turn = (got[4] - 0.4) % (math.pi / 2)
    assert min(turn, math.pi / 2 - turn) < 1e-3
    if method == 'plain':
        assert sorted(got[2:4].tolist()) == pytest.approx([16, 40], abs=1e-3)
    else:  # six standard deviations
        assert (got[2:4].max() / got[2:4].min()).item() == pytest.approx(40 / 16, rel=1e-2)


def test_boxes_come_from_the_second_stage():
    head = build(test_cfg=dict(nms_pre=3, score_thr=0.1, nms=dict(iou_thr=0.4), max_per_img=9))
    outs = [[torch.zeros(1, c, *size) for size in SIZES] for c in (3, 18, 18)]
    for maps in outs[:1]:
        for x in maps:
            x.fill_(-9)
    outs[0][1][0, 2, 3, 4] = 5.0  # of level 1: y = 48, x = 64
    square = torch.tensor([[-1.0, -1], [-1, 1], [1, 1], [1, -1], *[[0.0, 0]] * 5])
    outs[2][1][0, :, 3, 4] = (square * torch.tensor([1.0, 2])).flatten()
    ((dets, labels),) = head.get_bboxes(*outs, img_metas=reference.metas(96, 128, count=1))
    assert labels.tolist() == [2]
    assert dets[0, :2].tolist() == pytest.approx([64, 48])
    assert dets[0, 2:4].tolist() == pytest.approx([64, 32])
    assert dets[0, 5] == pytest.approx(torch.tensor(5.0).sigmoid())
    meta = dict(reference.metas(96, 128, count=1)[0], scale_factor=[2.0, 2.0, 2.0, 2.0])
    ((small, _),) = head.get_bboxes(*outs, img_metas=[meta], rescale=True)
    torch.testing.assert_close(small[:, :4] * 2, dets[:, :4])


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(num_points=25), 'num_points must be 9, got 25'),
        (dict(transform_method='minmax'), "transform_method must be 'rotrect', got 'minmax'"),
        (dict(loss_cls=dict(type='CrossEntropyLoss')), 'use_sigmoid=True'),
        (dict(loss_bbox_refine=dict(type='GIoULoss')), 'GIoULoss is no loss of nine points'),
        (dict(loss_bbox_init=dict(type='SmoothL1Loss')), 'SmoothL1Loss is no loss of nine points'),
    ],
)
def test_parts_that_do_not_fit_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        build(**change)
