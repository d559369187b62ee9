"""IoU calculators."""

import math

import pytest
import torch
from shapely.geometry import Polygon
from torchvision.ops import box_iou, generalized_box_iou

from mmrotate.core import build_iou_calculator, obb2poly, obb2xyxy, rbbox_overlaps
from mmrotate.core.bbox import bbox_overlaps, overlaps, probiou_overlaps
from tests.helpers.exact import exact_overlap
from tests.helpers.golden import random_boxes, tensor


@pytest.mark.parametrize('mode', ['iou', 'iof'])
def test_rotated_boxes_against_polygons(mode):
    a, b = random_boxes(12, 0, 60), random_boxes(9, 1, 60)
    got = build_iou_calculator(dict(type='RBboxOverlaps2D'))(a, b, mode)
    expected = [[exact_overlap(p, q, mode) for q in b.numpy()] for p in a.numpy()]
    torch.testing.assert_close(got, torch.tensor(expected).float(), atol=1e-5, rtol=0)
    pairs = rbbox_overlaps(a[:9], b, mode, is_aligned=True)
    torch.testing.assert_close(pairs, got[:9].diagonal())


def test_a_score_in_the_sixth_column_is_passed_over():
    a = random_boxes(4)
    scored = torch.cat([a, torch.rand(4, 1)], 1)
    torch.testing.assert_close(rbbox_overlaps(scored, a), rbbox_overlaps(a, a))


def test_tiny_boxes_overlap_at_most_wholly():
    a = torch.tensor([[5.0, 5, 1e-7, 1e-7, 0.3], [5, 5, 10, 10, 0]])
    got = rbbox_overlaps(a, a)
    assert got.isfinite().all()
    assert (got <= 1).all()
    torch.testing.assert_close(got.diagonal(), torch.ones(2))


def test_horizontal_boxes_are_torchvisions():
    a, b = (obb2xyxy(random_boxes(9, seed, 60)) for seed in (0, 1))
    calculator = build_iou_calculator(dict(type='BboxOverlaps2D'))
    torch.testing.assert_close(calculator(a, b), box_iou(a, b))
    torch.testing.assert_close(calculator(a, b, is_aligned=True), box_iou(a, b).diagonal())


def test_intersection_over_the_first_box():
    a, b = torch.tensor([[0.0, 0, 10, 10]]), torch.tensor([[5.0, 0, 25, 10], [20, 20, 30, 30]])
    torch.testing.assert_close(bbox_overlaps(a, b, 'iof'), torch.tensor([[0.5, 0.0]]))
    torch.testing.assert_close(bbox_overlaps(b, a, 'iof'), torch.tensor([[0.25], [0.0]]))
    pairs = bbox_overlaps(b, a.expand(2, 4), 'iof', is_aligned=True)
    torch.testing.assert_close(pairs, torch.tensor([0.25, 0.0]))
    # the same boxes as rotated ones, the second turned by 90 degrees
    a, b = torch.tensor([[5.0, 5, 10, 10, 0]]), torch.tensor([[15.0, 5, 10, 20, math.pi / 2]])
    torch.testing.assert_close(rbbox_overlaps(a, b, 'iof'), torch.tensor([[0.5]]))
    torch.testing.assert_close(rbbox_overlaps(b, a, 'iof'), torch.tensor([[0.25]]))


def test_empty_and_wrong():
    none = torch.zeros(0, 5)
    assert rbbox_overlaps(none, random_boxes(3)).shape == (0, 3)
    assert bbox_overlaps(torch.zeros(2, 4), torch.zeros(0, 4)).shape == (2, 0)
    assert (bbox_overlaps(torch.zeros(1, 4), torch.zeros(1, 4)) == 0).all()
    assert bbox_overlaps(torch.zeros(0, 4), torch.zeros(0, 4), is_aligned=True).shape == (0,)
    with pytest.raises(ValueError, match='diou'):
        bbox_overlaps(torch.zeros(1, 4), torch.zeros(1, 4), 'diou')
    with pytest.raises(ValueError, match='diou'):
        rbbox_overlaps(none, none, 'diou')
    with pytest.raises(ValueError, match='got 0 and 3'):
        rbbox_overlaps(none, random_boxes(3), is_aligned=True)


def test_generalized_overlaps():
    a, b = random_boxes(5, 0, 60), random_boxes(5, 1, 60)
    shapes = [[Polygon(corners) for corners in obb2poly(boxes).view(-1, 4, 2).tolist()] for boxes in (a, b)]
    expected = [[giou(p, q) for q in shapes[1]] for p in shapes[0]]
    got = rbbox_overlaps(a, b, 'giou')
    torch.testing.assert_close(got, torch.tensor(expected), atol=1e-5, rtol=0)
    torch.testing.assert_close(rbbox_overlaps(a, b, 'giou', is_aligned=True), got.diagonal())
    a, b = obb2xyxy(a), obb2xyxy(b)
    torch.testing.assert_close(bbox_overlaps(a, b, 'giou'), generalized_box_iou(a, b))
    torch.testing.assert_close(bbox_overlaps(a, b, 'giou', is_aligned=True), generalized_box_iou(a, b).diagonal())


def giou(p, q):
    union, hull = p.union(q).area, p.union(q).convex_hull.area
    return p.intersection(q).area / union - (hull - union) / hull


def test_probiou_is_that_of_its_source_for_pairs_and_blocks(monkeypatch):
    a, b, out = (tensor(f'probiou/{key}', 'newer/angles.npz') for key in ('a', 'b', 'out'))
    torch.testing.assert_close(probiou_overlaps(a, b, is_aligned=True), out[:, 0], rtol=1e-5, atol=1e-5)
    calculator = build_iou_calculator(dict(type='ProbIoUOverlaps2D'))
    whole = calculator(a, b)
    torch.testing.assert_close(whole.diagonal(), out[:, 0], rtol=1e-5, atol=1e-5)
    monkeypatch.setattr(overlaps, '_PAIRS', 70)
    assert calculator(a, b).equal(whole) and calculator(a[:0], b).shape == (0, 30)
    assert probiou_overlaps(a, a, is_aligned=True).min() > 0.99
    with pytest.raises(ValueError, match="mode must be 'iou', got 'iof'"):
        probiou_overlaps(a, b, 'iof')
