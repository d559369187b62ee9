"""Assigners that take an object's nearest priors, against plain loops."""

import math

import pytest
import torch
from shapely import MultiPoint
from torch.distributions import MultivariateNormal, kl_divergence

from mmrotate.core import build_assigner, obb2poly, rbbox_overlaps
from mmrotate.core.bbox.assigners import atss_assigner, convex_assigner
from mmrotate.ops import convex_iou, points_in_polygons
from tests.core.bbox.test_assigners import loop_of_overlaps
from tests.helpers.golden import VERSIONS, array, random_boxes, tensor

LEVELS = [150, 40, 8, 2]
KINDS = ('ATSSObbAssigner', 'ATSSKldAssigner', 'SASAssigner')


def _point_sets(boxes, seed=0):
    """Nine points inside of each box (n, 5), as (n, 18)."""
    generator = torch.Generator().manual_seed(seed)
    u = torch.rand(len(boxes), 9, 2, generator=generator) - 0.5
    along, across = (u * boxes[:, None, 2:4]).unbind(-1)
    cos, sin = boxes[:, 4:].cos(), boxes[:, 4:].sin()
    x, y = cos * along - sin * across, sin * along + cos * across
    return (torch.stack([x, y], -1) + boxes[:, None, :2]).flatten(1)


def _case(kind, objects=15, spread=120):
    priors, gts = random_boxes(sum(LEVELS), 0, spread), random_boxes(objects, 1, spread)
    priors[:, 2:4] *= 2
    if kind == 'ATSSObbAssigner':
        return priors, gts
    return _point_sets(priors), obb2poly(gts)


def _normal(mean, cov):
    return MultivariateNormal(mean.double(), cov.double())


def _divergences(points, polygons):
    out = torch.zeros(len(points), len(polygons))
    for i, set_ in enumerate(points.view(-1, 9, 2)):
        p = _normal(set_.mean(0), set_.T.cov(correction=0) + 1e-6 * torch.eye(2))
        for j, (a, b, c, d) in enumerate(polygons.view(-1, 4, 2)):
            axes = torch.stack([b - a, c - b], 1) / 6  # six deviations along each side
            out[i, j] = kl_divergence(p, _normal((a + b + c + d) / 4, axes @ axes.T))
    return out


def _facts(kind, priors, gts):
    """Overlaps (n, m), centres of both, polygons (m, 8)."""
    if kind == 'ATSSObbAssigner':
        return rbbox_overlaps(priors, gts), priors[:, :2], gts[:, :2], obb2poly(gts)
    centres, middle = priors.view(-1, 9, 2).mean(1), gts.view(-1, 4, 2).mean(1)
    if kind == 'SASAssigner':
        return convex_iou(priors, gts), centres, middle, gts
    return 1 / (2 + _divergences(priors, gts)), centres, middle, gts


def _ratio(polygon):
    a, b, c, _ = polygon.view(4, 2)
    sides = sorted([(b - a).norm().item(), (c - b).norm().item()])
    return sides[1] / sides[0]


def _loop(kind, priors, gts, topk, as_published=True):
    """gt_inds, one object and one level at a time."""
    overlaps, centres, middle, polygons = _facts(kind, priors, gts)
    inside = points_in_polygons(centres, polygons) > 0
    best = torch.zeros(len(priors))
    gt_inds = torch.zeros(len(priors), dtype=torch.long)
    for j in range(len(gts)):
        candidates, start = [], 0
        for count in LEVELS:
            near = (centres[start : start + count] - middle[j]).norm(dim=1).argsort()
            candidates += (near[:topk] + start).tolist()
            start += count
        found = overlaps[candidates, j]
        threshold = found.mean() + found.std()
        if kind == 'SASAssigner':
            ratios = [_ratio(p) for p in (polygons if as_published else polygons[j : j + 1])]
            threshold *= math.exp(-sum(ratios) / len(ratios) / 4)
        for i in candidates:
            if overlaps[i, j] >= threshold and inside[i, j] and overlaps[i, j] > best[i]:
                best[i], gt_inds[i] = overlaps[i, j], j + 1
    return gt_inds, best


@pytest.mark.parametrize('version', VERSIONS)
def test_reference(version):
    assigner = build_assigner(dict(type='ATSSObbAssigner', topk=9, angle_version=version))
    priors, gts = tensor('assign_atss_obb/priors'), tensor('assign_atss_obb/gt')
    result = assigner.assign(priors, array('assign_atss_obb/levels').tolist(), gts)
    assert result.gt_inds.tolist() == array('assign_atss_obb/gt_inds').tolist()


def test_sas_by_each_objects_own_ratio():
    priors, gts = _case('SASAssigner')
    assigner = build_assigner(dict(type='SASAssigner', topk=5, as_published=False))
    got = assigner.assign(priors, LEVELS, gts).gt_inds.tolist()
    assert got == _loop('SASAssigner', priors, gts, 5, as_published=False)[0].tolist()
    assert got != _loop('SASAssigner', priors, gts, 5)[0].tolist()


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('chunk', [16_000_000, 70])
def test_plain_loop_and_chunks(kind, chunk, monkeypatch):
    monkeypatch.setattr(atss_assigner, 'CHUNK', chunk)
    priors, gts = _case(kind)
    labels = torch.arange(15) + 3
    result = build_assigner(dict(type=kind, topk=5)).assign(priors, LEVELS, gts, gt_labels=labels)
    gt_inds, best = _loop(kind, priors, gts, 5)
    assert (gt_inds > 0).sum() > 10
    assert result.gt_inds.tolist() == gt_inds.tolist()
    torch.testing.assert_close(result.max_overlaps, best, atol=1e-5, rtol=0)
    assert result.labels.tolist() == torch.where(gt_inds > 0, gt_inds + 2, -1).tolist()


@pytest.mark.parametrize('kind', KINDS)
def test_nothing_to_assign(kind):
    priors, gts = _case(kind)
    assigner = build_assigner(dict(type=kind, topk=9))
    none = assigner.assign(priors, LEVELS, gts[:0], gt_labels=torch.zeros(0, dtype=torch.long))
    assert none.gt_inds.tolist() == [0] * 200
    assert none.labels.tolist() == [-1] * 200
    empty = assigner.assign(priors[:0], [0, 0], gts, gt_labels=torch.zeros(15).long())
    assert empty.gt_inds.shape == empty.max_overlaps.shape == empty.labels.shape == (0,)
    nothing = assigner.assign(priors[:0], [0, 0], gts[:0])
    assert nothing.gt_inds.shape == (0,)
    assert nothing.labels is None


@pytest.mark.parametrize('kind', KINDS)
def test_one_candidate_in_all(kind):
    """Its overlaps have no standard deviation; the threshold is the overlap itself."""
    gts = random_boxes(1)
    priors = gts.clone()
    if kind != 'ATSSObbAssigner':
        priors, gts = _point_sets(gts), obb2poly(gts)
    result = build_assigner(dict(type=kind, topk=9)).assign(priors, [1], gts)
    assert result.gt_inds.tolist() == [1]


@pytest.mark.parametrize('kind', ['ATSSObbAssigner', 'SASAssigner'])
def test_ignored_boxes(kind):
    priors, gts = _case(kind)
    usual = build_assigner(dict(type=kind, topk=5)).assign(priors, LEVELS, gts, gts[:3])
    assert (usual.gt_inds >= 0).all()
    assigner = build_assigner(dict(type=kind, topk=5, ignore_iof_thr=0.3))
    result = assigner.assign(priors, LEVELS, gts, gts[:3])
    iof = rbbox_overlaps if kind == 'ATSSObbAssigner' else convex_iou
    ignored = iof(priors, gts[:3], mode='iof').amax(1) > 0.3
    assert (usual.gt_inds[ignored] > 0).any()
    assert ((result.gt_inds == -1) == ignored).all()


def test_settings_are_checked():
    with pytest.raises(ValueError, match='topk must be at least 1, got 0'):
        build_assigner(dict(type='SASAssigner', topk=0))
    with pytest.raises(ValueError, match='le91'):
        build_assigner(dict(type='ATSSObbAssigner', topk=9, angle_version='le91'))
    priors, gts = _case('SASAssigner')
    with pytest.raises(ValueError, match=r'add up to the 200 priors, got \[150, 40\]'):
        build_assigner(dict(type='SASAssigner', topk=9)).assign(priors, [150, 40], gts)


# ------------------------------------------------------------------------- points and convex hulls
def _points():
    grids = []
    for stride in (8, 16, 32):
        at = torch.arange(0, 256, stride).float()
        xy = torch.cartesian_prod(at, at).flip(1)
        grids.append(torch.cat([xy, torch.full_like(xy, stride)], 1))
    return torch.cat(grids)


def _nearest_points(points, polygons, scale, count):
    """gt_inds, one object at a time: a later one takes a point only if it is nearer."""
    gt_inds = torch.zeros(len(points), dtype=torch.long)
    nearest = torch.full((len(points),), math.inf)
    for j, polygon in enumerate(polygons.view(-1, 4, 2)):
        low, high = polygon.amin(0), polygon.amax(0)
        level = int((torch.log2((high - low) / scale)).mean())
        stride = 2 ** min(max(level, 3), 5)
        gap = ((points[:, :2] - (low + high) / 2) / (high - low)).norm(dim=1)
        gap[points[:, 2] != stride] = math.inf
        for i in gap.argsort()[:count].tolist():
            if gap[i] < nearest[i]:
                nearest[i], gt_inds[i] = gap[i], j + 1
    return gt_inds


@pytest.mark.parametrize('chunk', [16_000_000, 5000])
@pytest.mark.parametrize('count', [1, 3, 9])
def test_nearest_points(count, chunk, monkeypatch):
    monkeypatch.setattr(convex_assigner, 'CHUNK', chunk)
    boxes = random_boxes(60, 0, 256)
    boxes[:, 2:4] *= 4
    points, polygons = _points(), obb2poly(boxes)
    assigner = build_assigner(dict(type='ConvexAssigner', scale=4, pos_num=count))
    result = assigner.assign(points, polygons, gt_labels=torch.arange(60))
    expected = _nearest_points(points, polygons, 4, count)
    assert expected.unique().numel() > 40
    assert result.gt_inds.tolist() == expected.tolist()
    assert result.labels.tolist() == (expected - 1).tolist()


def test_no_points_or_objects():
    assigner = build_assigner(dict(type='ConvexAssigner'))
    points, polygons = _points(), obb2poly(random_boxes(3))
    assert assigner.assign(points, polygons[:0]).gt_inds.tolist() == [0] * len(points)
    assert assigner.assign(points[:0], polygons).gt_inds.shape == (0,)
    few = assigner.assign(points[:2], polygons[:1], gt_labels=torch.tensor([7]))
    assert few.labels.tolist() == [7, 7]


def _convex(**kwargs):
    return build_assigner(dict(type='MaxConvexIoUAssigner', pos_iou_thr=0.4, neg_iou_thr=0.3, min_pos_iou=0) | kwargs)


def _assign(points, polygons, *others, **kwargs):
    assigner = _convex(**kwargs)
    return assigner.assign(points, polygons, assigner.convex_overlaps(polygons, points), *others).gt_inds.tolist()


@pytest.mark.parametrize('of_prior', [True, False])
def test_overlaps_of_hulls(of_prior):
    points, polygons = _case('SASAssigner', objects=15)
    ignore = obb2poly(random_boxes(4, 2, 120))
    settings = dict(ignore_iof_thr=0.5, ignore_wrt_candidates=of_prior)
    found = _assign(points, polygons, ignore, torch.arange(15), **settings)
    iou, share = convex_iou(points, ignore), convex_iou(points, ignore, 'iof')
    if not of_prior:  # by the areas of the ignored boxes
        sides = random_boxes(4, 2, 120)[:, 2:4].prod(1)
        hulls = torch.tensor([_area(p) for p in points])
        shared = share * hulls[:, None]
        share = shared / sides
        torch.testing.assert_close(iou, shared / (hulls[:, None] + sides - shared))
    ignored = (share.amax(1) > 0.5).nonzero().flatten().tolist()
    assert 0 < len(ignored) < 100
    expected = loop_of_overlaps(convex_iou(points, polygons).T, 0, 0.4, 0.3, ignored)
    assert (expected > 0).sum() >= 15
    assert found == expected.tolist()


def _area(points):
    return MultiPoint(points.view(-1, 2).tolist()).convex_hull.area


def test_hulls_without_objects():
    points, polygons = _case('SASAssigner')
    assert _assign(points, polygons[:0]) == [0] * 200
    assert _assign(points[:0], polygons) == []


def test_the_overlaps_given_decide():
    points, polygons = _case('SASAssigner', objects=2)
    overlaps = torch.zeros(2, 200)
    overlaps[1, 7] = 0.9
    result = _convex().assign(points, polygons, overlaps, gt_labels=torch.tensor([3, 5]))
    assert result.gt_inds.nonzero().tolist() == [[7]]
    assert result.labels[7] == 5


@pytest.mark.parametrize('share', [1.0, 0.8, 0.02])
def test_a_batch_is_assigned_as_its_images(share):
    count = sum(LEVELS)
    assigner = build_assigner(dict(type='ATSSObbAssigner', topk=9, ignore_iof_thr=0.3))
    priors = [random_boxes(count, seed, 120) for seed in range(4)]
    gts = [random_boxes(m, 10 + m, 120) for m in (20, 0, 7, 1)]
    ignore, labels = [random_boxes(3, 5), random_boxes(0), None, None], [torch.randint(4, (len(g),)) for g in gts]
    taking = torch.rand(len(gts), count) <= share
    found = assigner.assign_batch(priors, LEVELS, gts, ignore, labels, taking.flatten())
    first = 0
    for image, (boxes, mask, *truth) in enumerate(zip(priors, taking, gts, ignore, labels, strict=True)):
        alone = assigner.assign(boxes[mask], [int(level.sum()) for level in mask.split(LEVELS)], *truth)
        own = slice(image * count, (image + 1) * count)
        inds, overlaps, classes = (field[own] for field in (found.gt_inds, found.max_overlaps, found.labels))
        assert torch.equal(inds[mask], torch.where(alone.gt_inds > 0, alone.gt_inds + first, alone.gt_inds))
        assert torch.equal(overlaps[mask], alone.max_overlaps)
        assert torch.equal(classes[mask], alone.labels)
        assert (inds[~mask] == -1).all()
        first += len(truth[0])
    assert (found.gt_inds > 0).any()
