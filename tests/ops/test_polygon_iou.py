import importlib
import math

import pytest
import torch
from hypothesis import given

from mmrotate.core.bbox import obb2poly
from mmrotate.ops import box_iou_quadri, box_iou_rotated, convex_iou
from tests.ops.oracles import golden, property_test, random_boxes
from tests.ops.point_sets import exact_hull_overlap, hard_sets, has_area, random_points, shapely_overlaps

op = importlib.import_module('mmrotate.ops.polygon_iou')


def test_reference(backend):
    data = golden('convex_iou')
    got = convex_iou(data['points'], data['polygons'])
    torch.testing.assert_close(got, data['out'], rtol=1e-5, atol=1e-6)
    assert (data['out'] > 0).sum() > 20


@pytest.mark.parametrize('mode', ['iou', 'iof'])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_spread_quadrilaterals_are_exact(backend, mode, dtype):
    quads = random_points(60, 4, dtype=dtype)
    got = box_iou_quadri(quads[:35], quads[35:], mode)
    assert got.dtype == dtype
    tolerance = 1e-6 if dtype == torch.float32 else 1e-12
    expected = shapely_overlaps(quads[:35], quads[35:], mode).to(dtype)
    torch.testing.assert_close(got, expected, rtol=tolerance, atol=tolerance)
    assert 20 < (got > 0).sum() < 200


def test_spread_point_sets_are_exact(backend):
    points, quads = random_points(40, 9), random_points(30, 4)
    expected = shapely_overlaps(points, quads).float()
    torch.testing.assert_close(convex_iou(points, quads), expected, rtol=1e-6, atol=1e-6)
    assert (expected > 0).sum() > 20


@pytest.mark.parametrize('mode', ['iou', 'iof'])
def test_turned_rectangles_are_boxes(backend, mode):
    boxes = random_boxes(40, dtype=torch.float64)
    quads = obb2poly(boxes, 'le90')
    expected = box_iou_rotated(boxes[:25], boxes[25:], mode)
    torch.testing.assert_close(box_iou_quadri(quads[:25], quads[25:], mode), expected)
    same = box_iou_quadri(quads, quads, mode, aligned=True)
    torch.testing.assert_close(same, torch.ones_like(same), rtol=0, atol=1e-12)


@property_test
@given(hard_sets(4))
def test_hard_quadrilaterals_are_exact(backend, pair):
    for first, second in (pair, pair[::-1]):
        for mode in ('iou', 'iof'):
            got = box_iou_quadri(first, second, mode).item()
            assert 0 <= got <= 1
            if has_area(first, second):
                expected = exact_hull_overlap(first, second, mode)
                assert got == pytest.approx(expected, rel=1e-6, abs=1e-8)
            assert box_iou_quadri(first, second, mode, aligned=True).item() == got


@property_test
@given(hard_sets(9))
def test_hard_point_sets_are_exact(backend, pair):
    for points, quads in (pair, [row.float() for row in pair]):
        got = convex_iou(points, quads).item()
        assert 0 <= got <= 1
        if has_area(points, quads):
            assert got == pytest.approx(exact_hull_overlap(points, quads), rel=1e-6, abs=1e-8)


def test_the_order_of_corners_does_not_matter(backend):
    quads = random_points(30, 4, size=60)
    shuffled = quads.view(-1, 4, 2)[:, torch.tensor([2, 0, 3, 1])].flatten(1)
    expected = box_iou_quadri(quads, quads)
    assert torch.equal(box_iou_quadri(shuffled, quads), expected)
    assert torch.equal(box_iou_quadri(quads, shuffled.flip(0)), expected.flip(1))


def test_corners_that_almost_coincide(backend):
    # as seen from far away, the tiny side has no direction
    tiny = torch.tensor([[0, 0, 1e-17, -3e-17, 4, 0, 0, 4]], dtype=torch.float64)
    far = torch.tensor([[-9, -9, 30, -9, 30, 30, -9, 30]], dtype=torch.float64)
    for first, second in ((tiny, far), (far, tiny)):
        assert box_iou_quadri(first, second).item() == pytest.approx(8 / 39**2, rel=1e-12)


def test_backends_agree(monkeypatch):
    points, quads = random_points(300, 9), random_points(200, 4)
    monkeypatch.delenv('MMROTATE_OPS_BACKEND', raising=False)
    got = convex_iou(points, quads)
    monkeypatch.setenv('MMROTATE_OPS_BACKEND', 'torch')
    torch.testing.assert_close(got, convex_iou(points, quads), rtol=1e-6, atol=1e-7)
    assert 0.005 < (got > 0).float().mean() < 0.5


def test_plain_torch_in_chunks(monkeypatch):
    monkeypatch.setenv('MMROTATE_OPS_BACKEND', 'torch')
    points, quads = random_points(30, 9), random_points(20, 4)
    expected = convex_iou(points, quads)
    for chunk in (1, 70):
        monkeypatch.setattr(op, '_CHUNK', chunk)
        torch.testing.assert_close(convex_iou(points, quads), expected)


def test_without_area_or_not_finite(backend):
    nan, inf = math.nan, math.inf
    bad = [[5.0] * 8, [0, 0, 1, 1, 2, 2, 3, 3], [nan, 0, 9, 0, 9, 9, 0, 9]]
    quads = torch.tensor([*bad, [0, 0, inf, 0, 9, 9, 0, 9], [0, 0, 9, 0, 9, 9, 0, -inf]])
    good = torch.tensor([[0, 0, 4, 0, 4, 4, 0, 4.0]])
    for mode in ('iou', 'iof'):
        for first, second in ((quads, good), (good, quads), (quads, quads)):
            assert box_iou_quadri(first, second, mode).abs().max() == 0
        assert box_iou_quadri(quads, quads, mode, aligned=True).abs().max() == 0
    points = torch.cat([quads, quads[:, :2], quads], 1)
    assert convex_iou(points, good).abs().max() == 0


@pytest.mark.parametrize(('n', 'm'), [(0, 3), (3, 0), (0, 0)])
def test_empty(backend, n, m):
    points, quads = random_points(3, 9), random_points(3, 4)
    assert convex_iou(points[:n], quads[:m]).shape == (n, m)
    assert box_iou_quadri(quads[:n], quads[:m]).shape == (n, m)
    assert box_iou_quadri(quads[:0], quads[:0], aligned=True).shape == (0,)


def test_strides_do_not_matter(backend):
    points, quads = random_points(40, 9), random_points(20, 4)
    table = torch.zeros(40, 30)
    table[:, 5:23] = points
    got = convex_iou(table[::2, 5:23], quads.T.contiguous().T)
    assert torch.equal(got, convex_iou(points[::2].contiguous(), quads))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_computes_in_float32(backend, dtype):
    points, quads = random_points(20, 9).to(dtype), random_points(20, 4).to(dtype)
    got = convex_iou(points, quads)
    assert torch.equal(got, convex_iou(points.float(), quads.float()))
    got = box_iou_quadri(quads, quads)
    assert torch.equal(got, box_iou_quadri(quads.float(), quads.float()))


def test_there_is_no_gradient(backend):
    points, quads = random_points(3, 9).requires_grad_(), random_points(3, 4).requires_grad_()
    assert not convex_iou(points, quads).requires_grad
    assert not box_iou_quadri(quads, quads).requires_grad


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(bboxes1=torch.zeros(2, 5)), r'bboxes1 must have shape \(n, 8\), got \(2, 5\)'),
        (dict(bboxes2=torch.zeros(2, 8).long()), r'bboxes2 .* got torch\.int64'),
        (dict(mode='giou'), "got 'giou'"),
        (dict(bboxes2=torch.zeros(3, 8), aligned=True), 'got 2 and 3'),
    ],
)
def test_bad_quadrilaterals(change, message):
    with pytest.raises(ValueError, match=message):
        box_iou_quadri(**{'bboxes1': torch.zeros(2, 8), 'bboxes2': torch.zeros(2, 8), **change})


def test_bad_point_sets():
    with pytest.raises(ValueError, match=r'pointsets must have shape \(n, 18\), got \(2, 8\)'):
        convex_iou(torch.zeros(2, 8), torch.zeros(2, 8))
    with pytest.raises(ValueError, match=r'polygons must have shape \(n, 8\), got \(2, 18\)'):
        convex_iou(torch.zeros(2, 18), torch.zeros(2, 18))


@pytest.mark.parametrize('aligned', [False, True])
def test_registration(backend, aligned):
    args = random_points(4, 9), random_points(4, 4), 'iou', aligned
    torch.library.opcheck(op._op, args)


def test_compiles_as_one_graph(backend):
    points, quads = random_points(6, 9), random_points(4, 4)
    compiled = torch.compile(convex_iou, fullgraph=True, backend='aot_eager')
    assert torch.equal(compiled(points, quads), convex_iou(points, quads))
