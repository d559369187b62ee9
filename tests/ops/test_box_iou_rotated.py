import importlib
import inspect
import math

import numpy as np
import pytest
import shapely
import torch
import torchvision
from hypothesis import given
from hypothesis import strategies as st

from mmrotate.ops import box_iou_rotated
from tests.helpers.exact import corners
from tests.ops.oracles import exact_overlap, exact_overlaps, golden, hard_pairs, property_test, random_boxes, wild_boxes

# the package has a function of this name
op = importlib.import_module('mmrotate.ops.box_iou_rotated')
TORCHVISION_TURNS = 'fmt' in inspect.signature(torchvision.ops.box_iou).parameters


@pytest.mark.parametrize('mode', ['iou', 'iof'])
def test_reference(backend, mode):
    data = golden(f'box_iou_rotated_{mode}')
    got = box_iou_rotated(data['a'], data['b'], mode)
    torch.testing.assert_close(got, data['out'], rtol=1e-5, atol=1e-6)


def test_reference_aligned(backend):
    data = golden('box_iou_rotated_aligned')
    got = box_iou_rotated(data['a'], data['b'], aligned=True)
    torch.testing.assert_close(got, data['out'], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('mode', ['iou', 'iof'])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_spread_boxes_are_exact(backend, mode, dtype):
    boxes1, boxes2 = random_boxes(40, dtype=dtype), random_boxes(30, dtype=dtype)
    got = box_iou_rotated(boxes1, boxes2, mode)
    assert got.dtype == dtype
    tolerance = 1e-6 if dtype == torch.float32 else 1e-12
    expected = exact_overlaps(boxes1, boxes2, mode).to(dtype)
    torch.testing.assert_close(got, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.skipif(not TORCHVISION_TURNS, reason='this torchvision has no rotated overlaps')
def test_torchvision_agrees(backend):
    boxes1, boxes2 = random_boxes(80), random_boxes(60)
    # theirs: degrees, counter-clockwise
    theirs = [torch.cat([b[:, :4], -b[:, 4:].rad2deg()], 1) for b in (boxes1, boxes2)]
    expected = torchvision.ops.box_iou(*theirs, fmt='cxcywhr')
    torch.testing.assert_close(box_iou_rotated(boxes1, boxes2), expected, rtol=1e-4, atol=1e-5)


@property_test
@given(hard_pairs())
def test_hard_pairs_are_exact(backend, pair):
    first, second = (box[None] for box in pair)
    for mode in ('iou', 'iof'):
        expected = exact_overlap(first[0], second[0], mode)
        got = box_iou_rotated(first, second, mode).item()
        assert got == pytest.approx(expected, rel=1e-6, abs=1e-8)
        assert 0 <= got <= 1
        assert box_iou_rotated(first, second, mode, aligned=True).item() == got


def test_pairs_that_meet_in_a_corner_are_the_same_alone_and_among_others(backend):
    first = random_boxes(400, dtype=torch.float64)
    cos, sin = first[:, 4].cos(), first[:, 4].sin()
    w, h = first[:, 2], first[:, 3]
    second = first.clone()
    second[:, 0] += w * cos - h * sin
    second[:, 1] += w * sin + h * cos
    for mode in ('iou', 'iof', 'giou'):
        alone, among = box_iou_rotated(first, second, mode, aligned=True), box_iou_rotated(first, second, mode)
        assert torch.equal(alone, among.diagonal())


@property_test
@given(hard_pairs())
def test_hard_pairs_in_float32_are_exact(backend, pair):
    first, second = (box[None].float() for box in pair)
    got = box_iou_rotated(first, second).item()
    assert got == pytest.approx(exact_overlap(first[0], second[0]), rel=1e-5, abs=1e-6)
    assert 0 <= got <= 1


@property_test
@given(hard_pairs())
def test_overlaps_are_symmetric(backend, pair):
    first, second = (box[None] for box in pair)
    there, back = box_iou_rotated(first, second).item(), box_iou_rotated(second, first).item()
    assert there == pytest.approx(back, rel=1e-7, abs=1e-9)


@property_test
@given(st.one_of(wild_boxes(32), wild_boxes(64)))
def test_any_numbers_give_a_share(backend, boxes):
    usable = boxes.isfinite().all(1) & (boxes[:, 2:4] > 0).all(1)
    for mode in ('iou', 'iof'):
        got = box_iou_rotated(boxes, boxes, mode)
        assert ((got >= 0) & (got <= 1)).all()
        assert got[~usable].abs().sum() + got[:, ~usable].abs().sum() == 0
        assert torch.equal(got.diagonal(), box_iou_rotated(boxes, boxes, mode, aligned=True))
    # with themselves they share all, if squares of their sides can be written
    squares = boxes[:, 2:4].double().square()
    written = usable & ((squares > 1e-290) & (squares < 1e290)).all(1)
    assert (got.diagonal()[written] > 0.999).all()


def test_order_does_not_matter(backend):
    boxes1, boxes2 = random_boxes(30), random_boxes(20)
    rows, cols = torch.randperm(30), torch.randperm(20)
    got = box_iou_rotated(boxes1[rows], boxes2[cols])
    assert torch.equal(got, box_iou_rotated(boxes1, boxes2)[rows][:, cols])


def test_backends_agree(monkeypatch):
    boxes1, boxes2 = random_boxes(300), random_boxes(200)
    monkeypatch.delenv('MMROTATE_OPS_BACKEND', raising=False)
    got = box_iou_rotated(boxes1, boxes2)
    monkeypatch.setenv('MMROTATE_OPS_BACKEND', 'torch')
    torch.testing.assert_close(got, box_iou_rotated(boxes1, boxes2), rtol=1e-6, atol=1e-7)
    assert 0.005 < (got > 0).float().mean() < 0.5


def test_plain_torch_in_chunks(monkeypatch):
    monkeypatch.setenv('MMROTATE_OPS_BACKEND', 'torch')
    boxes1, boxes2 = random_boxes(30), random_boxes(20)
    whole = box_iou_rotated(boxes1, boxes2)
    for size in (1, 70):
        monkeypatch.setattr(op, '_CHUNK', size)
        assert torch.equal(box_iou_rotated(boxes1, boxes2), whole)


def test_the_sense_of_rotation(backend):
    # a bar turned clockwise on the screen (y down) by 45 degrees: its right end is lower
    bar = torch.tensor([[0, 0, 20, 1, math.pi / 4]])
    right_end = torch.tensor([[6, 6, 1, 1, 0], [6, -6, 1, 1, 0.0]])
    assert (box_iou_rotated(bar, right_end) > 0).tolist() == [[True, False]]
    assert (box_iou_rotated(bar, right_end, clockwise=False) > 0).tolist() == [[False, True]]


def test_boxes_that_do_not_touch_have_exactly_none(backend):
    boxes1, boxes2 = random_boxes(80, dtype=torch.float64), random_boxes(80, dtype=torch.float64)
    apart = exact_overlaps(boxes1, boxes2) == 0
    assert box_iou_rotated(boxes1, boxes2)[apart].max() == 0


def test_equal_boxes_contained_boxes(backend):
    boxes = random_boxes(50, dtype=torch.float64)
    equal = box_iou_rotated(boxes, boxes, aligned=True)
    torch.testing.assert_close(equal, torch.ones_like(equal))
    inner = boxes * boxes.new_tensor([1, 1, 0.5, 0.25, 1])
    share = box_iou_rotated(inner, boxes, 'iof', aligned=True)
    torch.testing.assert_close(share, torch.ones_like(share))
    share = box_iou_rotated(boxes, inner, 'iof', aligned=True)
    torch.testing.assert_close(share, torch.full_like(share, 0.125))


def test_far_from_the_origin(backend):
    near = random_boxes(20, 64).double().round(decimals=1)
    far = near.clone()
    far[:, :2] += 1e6
    torch.testing.assert_close(box_iou_rotated(far, far), box_iou_rotated(near, near))
    whole = torch.tensor([[0, 0, 10, 10, 0], [5, 0, 10, 10, 0.0]])
    whole[:, :2] += 1e6  # still whole numbers in float32
    assert box_iou_rotated(whole[:1], whole[1:]).item() == pytest.approx(1 / 3)


def test_boxes_without_area_or_not_finite(backend):
    nan, inf = math.nan, math.inf
    bad = [[5, 5, 0, 0, 0], [5, 5, 3, 0, 1], [5, 5, -3, 2, 0], [nan, 5, 3, 3, 0]]
    boxes = torch.tensor([*bad, [5, 5, inf, 3, 0], [5, 5, 3, 3, nan], [5, inf, 3, 3, 0]])
    good = torch.tensor([[5, 5, 4, 4, 0.0]])
    for mode in ('iou', 'iof'):
        assert box_iou_rotated(boxes, good, mode).abs().max() == 0
        assert box_iou_rotated(good, boxes, mode).abs().max() == 0
        assert box_iou_rotated(boxes, boxes, mode).abs().max() == 0
        assert box_iou_rotated(boxes, boxes, mode, aligned=True).abs().max() == 0


@pytest.mark.parametrize(('n', 'm'), [(0, 3), (3, 0), (0, 0)])
def test_empty(backend, n, m):
    boxes = random_boxes(3)
    assert box_iou_rotated(boxes[:n], boxes[:m]).shape == (n, m)
    assert box_iou_rotated(boxes[:0], boxes[:0], aligned=True).shape == (0,)


def test_batches(backend):
    first, second = random_boxes(24).view(2, 3, 4, 5), random_boxes(30).view(2, 3, 5, 5)
    got = box_iou_rotated(first, second, 'iof')
    assert got.shape == (2, 3, 4, 5)
    assert torch.equal(got[1, 2], box_iou_rotated(first[1, 2], second[1, 2], 'iof'))
    got = box_iou_rotated(first, second[:, :, :4], aligned=True)
    assert got.shape == (2, 3, 4)
    assert torch.equal(got[0, 1], box_iou_rotated(first[0, 1], second[0, 1, :4], aligned=True))
    assert box_iou_rotated(first[:0, 0], second[:0, 0]).shape == (0, 4, 5)
    assert box_iou_rotated(first[:, 0, :0], second[:, 0]).shape == (2, 0, 5)
    with pytest.raises(ValueError, match='got 4 and 5'):
        box_iou_rotated(first, second, aligned=True)
    with pytest.raises(ValueError, match=r'got \(2, 3, 4, 5\)'):
        box_iou_rotated(first, second[0])


def test_strides_do_not_matter(backend):
    boxes = random_boxes(40)
    table = torch.zeros(40, 9)
    table[:, 2:7] = boxes
    got = box_iou_rotated(table[::2, 2:7], boxes.T.contiguous().T)
    assert torch.equal(got, box_iou_rotated(boxes[::2].contiguous(), boxes))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_computes_in_float32(backend, dtype):
    boxes = random_boxes(20).to(dtype)
    got = box_iou_rotated(boxes, boxes)
    assert torch.equal(got, box_iou_rotated(boxes.float(), boxes.float()))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert torch.equal(got, box_iou_rotated(boxes.float(), boxes.float()))


def _shapely_giou(first, second):
    p, q = (shapely.Polygon(corners(box, np.zeros(2))) for box in (first, second))
    union = float(first[2] * first[3] + second[2] * second[3]) - p.intersection(q).area
    hull = shapely.union(p, q).convex_hull.area
    return exact_overlap(first, second) - 1 + union / hull


@pytest.mark.parametrize('size', [30.0, 200.0, 4000.0])
def test_generalized_overlaps(backend, size):
    boxes1 = random_boxes(25, size, dtype=torch.float64)
    boxes2 = random_boxes(25, size, dtype=torch.float64)
    rows = [[_shapely_giou(a, b) for b in boxes2] for a in boxes1]
    expected = torch.tensor(rows, dtype=torch.float64)
    got = box_iou_rotated(boxes1, boxes2, 'giou')
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-9)
    pairs = box_iou_rotated(boxes1, boxes2, 'giou', aligned=True)
    torch.testing.assert_close(pairs, got.diagonal())


@property_test
@given(hard_pairs())
def test_generalized_overlaps_of_hard_pairs(backend, pair):
    first, second = (box[None] for box in pair)
    there = box_iou_rotated(first, second, 'giou').item()
    assert there == pytest.approx(box_iou_rotated(second, first, 'giou').item(), abs=1e-7)
    iou = box_iou_rotated(first, second).item()
    assert -1 <= there <= iou <= 1


def test_generalized_overlaps_by_hand(backend):
    square = torch.tensor([[0, 0, 2, 2, 0.0]])
    others = torch.tensor([[0, 0, 2, 2, 0], [4, 0, 2, 2, 0], [0, 0, 1, 1, 0], [0, 0, 0, 1, 0.0]])
    # equal; a gap as wide as both; inside; without an area
    expected = torch.tensor([[1, -1 / 3, 1 / 4, -1]])
    torch.testing.assert_close(box_iou_rotated(square, others, 'giou'), expected)
    turned = others + torch.tensor([0, 0, 0, 0, math.pi / 2])
    torch.testing.assert_close(box_iou_rotated(square, turned, 'giou'), expected)


def test_there_is_no_gradient(backend):
    boxes = random_boxes(3).requires_grad_()
    assert not box_iou_rotated(boxes, boxes).requires_grad


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(bboxes1=torch.zeros(2, 4)), r'bboxes1 must have shape \(n, 5\), got \(2, 4\)'),
        (dict(bboxes2=torch.zeros(2, 5).long()), r'bboxes2 .* got torch\.int64'),
        (dict(mode='diou'), "got 'diou'"),
        (dict(bboxes2=torch.zeros(3, 5), aligned=True), 'got 2 and 3'),
    ],
)
def test_bad_input(change, message):
    with pytest.raises(ValueError, match=message):
        box_iou_rotated(**{'bboxes1': torch.zeros(2, 5), 'bboxes2': torch.zeros(2, 5), **change})


@pytest.mark.parametrize('aligned', [False, True])
def test_registration(backend, aligned):
    boxes = random_boxes(4)
    torch.library.opcheck(op._op, (boxes, boxes.flip(0), 'iou', aligned, True))


def test_compiles_as_one_graph(backend):
    boxes = random_boxes(6)
    compiled = torch.compile(box_iou_rotated, fullgraph=True, backend='aot_eager')
    assert torch.equal(compiled(boxes, boxes[:4]), box_iou_rotated(boxes, boxes[:4]))
