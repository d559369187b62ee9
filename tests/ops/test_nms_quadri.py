import importlib
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmrotate.core.bbox import obb2poly
from mmrotate.ops import box_iou_quadri, nms_quadri, nms_rotated
from tests.ops.oracles import property_test, random_boxes
from tests.ops.point_sets import random_points, shapely_overlaps

op = importlib.import_module('mmrotate.ops.nms_quadri')


def plain_loop(boxes, scores, threshold, labels=None):
    """Indices to keep, best first, by shapely's overlaps."""
    overlaps = shapely_overlaps(boxes, boxes)
    keep = []
    for i in scores.sort(descending=True, stable=True).indices.tolist():
        rivals = [j for j in keep if labels is None or labels[i] == labels[j]]
        if all(overlaps[i, j] <= threshold for j in rivals):
            keep.append(i)
    return keep


@property_test
@given(
    count=st.integers(1, 20),
    size=st.sampled_from([20.0, 100.0, 400.0]),
    threshold=st.sampled_from([0.0, 0.1, 0.5]),
    classes=st.integers(0, 3),
    seed=st.integers(0, 1000),
)
def test_it_is_the_plain_loop(backend, count, size, threshold, classes, seed):
    torch.manual_seed(seed)
    boxes, scores = random_points(count, 4, size, dtype=torch.float64), torch.rand(count)
    labels = torch.randint(0, classes, (count,)) if classes else None
    dets, keep = nms_quadri(boxes, scores, threshold, labels)
    assert keep.tolist() == plain_loop(boxes, scores, threshold, labels)
    assert torch.equal(dets, torch.cat([boxes, scores[:, None].double()], 1)[keep])


@pytest.mark.parametrize('labels', [None, torch.arange(1300) % 3])
def test_turned_rectangles_are_boxes(backend, labels):
    boxes, scores = random_boxes(1300, 400, dtype=torch.float64), torch.rand(1300)
    expected = nms_rotated(boxes, scores, 0.3, labels)[1]
    assert torch.equal(nms_quadri(obb2poly(boxes, 'le90'), scores, 0.3, labels)[1], expected)
    assert 200 < len(expected) < 1250


def test_order_does_not_matter(backend):
    boxes, scores, order = random_points(200, 4, 80), torch.rand(200), torch.randperm(200)
    keep = nms_quadri(boxes, scores, 0.2)[1]
    assert torch.equal(order[nms_quadri(boxes[order], scores[order], 0.2)[1]], keep)
    assert 20 < len(keep) < 180


def test_equal_boxes_without_area_or_not_finite(backend):
    square = [0.0, 0, 4, 0, 4, 4, 0, 4]
    boxes = torch.tensor([[5.0] * 8, [math.nan, *square[1:]], square, square, [5.0] * 8])
    scores = torch.tensor([0.9, 0.8, 0.7, 0.7, 0.5])
    assert nms_quadri(boxes, scores, 0.1)[1].tolist() == [0, 1, 2, 4]
    # no overlap is more than 1
    assert len(nms_quadri(boxes, scores, 1.0)[1]) == 5


def test_empty_strides_and_half_precision(backend):
    dets, keep = nms_quadri(torch.zeros(0, 8), torch.zeros(0), 0.5)
    assert dets.shape == (0, 9)
    assert keep.dtype == torch.int64
    boxes, scores = random_points(100, 4, 80), torch.rand(100)
    expected = nms_quadri(boxes, scores, 0.2)
    table = torch.cat([scores[:, None], boxes], 1)
    assert torch.equal(nms_quadri(table[:, 1:], table[:, 0], 0.2)[0], expected[0])
    half = nms_quadri(boxes.half(), scores, 0.2)
    assert half[0].dtype == torch.float16
    assert torch.equal(half[1], nms_quadri(boxes.half().float(), scores, 0.2)[1])


def test_kept_do_not_overlap(backend):
    boxes, scores = random_points(1300, 4, 200), torch.rand(1300)
    dets, keep = nms_quadri(boxes, scores, 0.3)
    assert (dets[:, 8].diff() <= 0).all()
    hits = box_iou_quadri(boxes, boxes) > 0.3
    assert hits[keep][:, keep].sum() == len(keep)
    gone = torch.ones(1300, dtype=torch.bool).index_fill(0, keep, False)
    assert (hits[:, keep] & (scores[:, None] < scores[keep])).any(1)[gone].all()


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(dets=torch.zeros(2, 5)), r'dets must have shape \(n, 8\), got \(2, 5\)'),
        (dict(scores=torch.zeros(3)), r'scores must have shape \(2,\), got \(3,\)'),
        (dict(iou_threshold=-0.1), 'got -0.1'),
    ],
)
def test_bad_input(change, message):
    args = dict(dets=torch.zeros(2, 8), scores=torch.zeros(2), iou_threshold=0.5)
    with pytest.raises(ValueError, match=message):
        nms_quadri(**{**args, **change})


@pytest.mark.parametrize('labels', [None, torch.tensor([0, 1, 0, 1])])
def test_registration(backend, labels):
    torch.library.opcheck(op._op, (random_points(4, 4), labels, 0.3))
