"""Conversions of boxes."""

import math

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmrotate.core import bbox
from tests.helpers.exact import exact_overlap
from tests.helpers.golden import VERSIONS, array, random_boxes, tensor

SIDES = st.floats(3, 300)
pytestmark = pytest.mark.parametrize('version', VERSIONS)


@pytest.mark.parametrize(
    ('name', 'source', 'target'),
    [
        ('obb2poly', 'obb', 'obb2poly'),
        ('obb2hbb', 'obb', 'obb2hbb'),
        ('obb2xyxy', 'obb', 'obb2xyxy'),
        ('hbb2obb', 'obb2xyxy', 'hbb2obb'),
        ('poly2obb', 'obb2poly', 'poly2obb'),
    ],
)
def test_reference(version, name, source, target):
    got = getattr(bbox, name)(tensor(f'transforms_{version}/{source}'), version)
    np.testing.assert_allclose(got, array(f'transforms_{version}/{target}'), atol=5e-5)


def test_reference_of_quadrilaterals(version):
    polys = tensor(f'transforms_quad_{version}/poly')
    expected = array(f'transforms_quad_{version}/poly2obb')
    np.testing.assert_allclose(bbox.poly2obb(polys, version), expected, atol=5e-5)
    got = [bbox.poly2obb_np(poly, version) for poly in polys.numpy()]
    np.testing.assert_allclose(got, array(f'transforms_quad_{version}/poly2obb_np'), atol=5e-5)


def test_reference_of_rectangles_one_by_one(version):
    polys = array(f'transforms_{version}/obb2poly')
    got = [bbox.poly2obb_np(poly, version) for poly in polys]
    np.testing.assert_allclose(got, array(f'transforms_{version}/poly2obb_np'), atol=5e-5)
    again = [bbox.poly2obb_np(poly[None], version) for poly in polys]
    np.testing.assert_array_equal(again, got)
    boxes, good = bbox.polys2obb_np(polys, version)
    np.testing.assert_array_equal(boxes, got)
    assert good.all()


SHARES = st.one_of(st.floats(0, 1), st.sampled_from([0, 0.25, 0.5, 0.75, 1]))


@given(x=st.floats(0, 1e3), y=st.floats(0, 1e3), w=SIDES, h=SIDES, share=SHARES)
def test_round_trip_over_corners(version, x, y, w, h, share):
    rule = bbox.angle.VERSIONS[version]
    if rule.long_edge:
        w, h = max(w, h), min(w, h)
    box = np.array([x, y, w, h, rule.start + share * rule.span])
    poly = bbox.obb2poly(torch.from_numpy(box[None]), version)
    back = bbox.poly2obb(poly, version).numpy()[0]
    assert exact_overlap(box, back) == pytest.approx(1, abs=1e-6)
    assert rule.start - 1e-6 <= back[4] <= rule.start + rule.span + 1e-6
    if 0.01 < share < 0.99 and w - h > 0.01:  # the form is unique
        np.testing.assert_allclose(back, box, atol=1e-6)
    one = bbox.poly2obb_np(poly.numpy(), version)
    assert exact_overlap(box, np.array(one)) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(('w', 'h'), [(30.0, 10.0), (10.0, 30.0)])
def test_boxes_along_the_axes(version, w, h):
    """Under ``oc`` their angle is a right one, and ``w`` is the height."""
    expected = {
        'oc': (h, w, math.pi / 2),
        'le90': (30, 10, 0 if w > h else -math.pi / 2),
        'le135': (30, 10, 0 if w > h else math.pi / 2),
    }[version]
    hbb = torch.tensor([[0.0, 0, w, h]])
    poly = torch.tensor([[0.0, 0, w, 0, w, h, 0, h]])
    for got in (
        bbox.hbb2obb(hbb, version)[0],
        bbox.poly2obb(poly, version)[0],
        bbox.poly2obb_np(poly.numpy(), version),
    ):
        np.testing.assert_allclose(got, [w / 2, h / 2, *expected], atol=1e-5)


def test_corners_are_opencvs(version):
    for box in random_boxes(20).numpy():
        expected = cv2.boxPoints((box[:2], box[2:4], np.rad2deg(box[4])))
        got = bbox.obb2poly(torch.from_numpy(box[None]), version).numpy().reshape(4, 2)
        gap = np.linalg.norm(expected[:, None] - got[None], axis=-1).min(1)
        assert gap.max() < 1e-3


def test_circumscribed_boxes(version):
    boxes = random_boxes(50)
    corners = bbox.obb2poly(boxes, version).view(-1, 4, 2)
    xyxy = bbox.obb2xyxy(boxes, version)
    torch.testing.assert_close(xyxy[:, :2], corners.amin(1), atol=1e-3, rtol=0)
    torch.testing.assert_close(xyxy[:, 2:], corners.amax(1), atol=1e-3, rtol=0)
    again = bbox.obb2xyxy(bbox.obb2hbb(boxes, version), version)
    torch.testing.assert_close(again, xyxy, atol=1e-3, rtol=0)


def test_no_boxes(version):
    none = torch.zeros(0, 5)
    assert bbox.obb2poly(none, version).shape == (0, 8)
    assert bbox.obb2xyxy(none, version).shape == (0, 4)
    assert bbox.obb2hbb(none, version).shape == (0, 5)
    assert bbox.poly2obb(torch.zeros(0, 8), version).shape == (0, 5)
    assert bbox.obb2poly_np(none.numpy(), version).shape == (0, 8)
    assert bbox.polys2obb_np(np.zeros((0, 8)), version)[0].shape == (0, 5)
    assert bbox.rbbox2roi([none, none]).shape == (0, 6)
    assert bbox.hbb2obb(none[:, :4], version).shape == (0, 5)
    assert bbox.bbox_flip(none, (10, 10)).shape == (0, 5)
    assert bbox.bbox_mapping_back(none, (10, 10), np.ones(4), True).shape == (0, 5)
    result = bbox.rbbox2result(torch.zeros(0, 6), torch.zeros(0, dtype=torch.long), 2)
    assert [r.shape for r in result] == [(0, 6)] * 2


def test_degenerate_polygons_are_none(version):
    assert bbox.poly2obb_np(np.zeros(8), version) is None
    thin = np.array([0, 0, 10, 0, 10, 1, 0, 1.0])
    assert bbox.poly2obb_np(thin, version) is None
    assert bbox.poly2obb_np(thin * 3, version) is not None


def test_scores_go_along(version):
    boxes = np.concatenate([random_boxes(4).numpy(), np.full((4, 1), 0.5)], 1)
    polys = bbox.obb2poly_np(boxes, version)
    assert polys.shape == (4, 9)
    assert (polys[:, 8] == 0.5).all()
    plain = bbox.obb2poly_np(boxes[:, :5], version)
    np.testing.assert_array_equal(plain, polys[:, :8])


def test_the_first_corner_is_the_top_left_one(version):
    for poly in bbox.obb2poly_np(random_boxes(30).numpy(), version).reshape(-1, 4, 2):
        (left, top), (right, bottom) = poly.min(0), poly.max(0)
        around = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        # no other first corner brings the four nearer to those of the circumscribed box
        gaps = [np.linalg.norm(np.roll(poly, -k, 0) - around, axis=1).sum() for k in range(4)]
        assert gaps[0] <= min(gaps) + 1e-4


@pytest.mark.parametrize(
    'name', ['obb2poly', 'obb2hbb', 'obb2xyxy', 'hbb2obb', 'poly2obb', 'obb2poly_np', 'poly2obb_np']
)
def test_an_unknown_version_lists_the_known(version, name):
    width = {'hbb2obb': 4, 'poly2obb': 8, 'poly2obb_np': 8}.get(name, 5)
    boxes = torch.ones(1, width)
    with pytest.raises(ValueError, match=rf"'{version}'.*, got '{version}x'"):
        getattr(bbox, name)(boxes.numpy() if name.endswith('np') else boxes, f'{version}x')


@pytest.mark.parametrize('direction', ['horizontal', 'vertical', 'diagonal'])
def test_flips(version, direction):
    boxes = random_boxes(20)
    once = bbox.bbox_flip(boxes, (100, 150, 3), direction)
    torch.testing.assert_close(bbox.bbox_flip(once, (100, 150, 3), direction), boxes)
    corners = bbox.obb2poly(boxes, version).view(-1, 4, 2)
    if direction != 'vertical':
        corners[..., 0] = 150 - corners[..., 0]
    if direction != 'horizontal':
        corners[..., 1] = 100 - corners[..., 1]
    mirrored = bbox.obb2poly(once, version).view(-1, 4, 2)
    gap = torch.cdist(corners, mirrored).amin(2).max()
    assert gap < 1e-3
    with pytest.raises(ValueError, match='sideways'):
        bbox.bbox_flip(boxes, (100, 150), 'sideways')


@given(scale=st.floats(0.3, 3), flip=st.sampled_from([None, 'horizontal', 'vertical', 'diagonal']))
def test_mapping_back_inverts_resizing_and_flipping(version, scale, flip):
    boxes = random_boxes(20)
    seen = torch.cat([boxes[:, :4] * scale, boxes[:, 4:]], 1)
    if flip:
        seen = bbox.bbox_flip(seen, (300, 400, 3), flip)
    factor = np.full(4, scale, np.float32)
    back = bbox.bbox_mapping_back(seen, (300, 400, 3), factor, bool(flip), flip or 'horizontal')
    torch.testing.assert_close(back, boxes, atol=1e-3, rtol=1e-5)


def test_results_per_class(version):
    dets = torch.cat([random_boxes(3), torch.tensor([[0.9], [0.8], [0.7]])], 1)
    result = bbox.rbbox2result(dets, torch.tensor([1, 0, 1]), 3)
    assert [len(r) for r in result] == [1, 2, 0]
    np.testing.assert_array_equal(result[1], dets[[0, 2]])
    assert result[2].shape == (0, 6)
    rois = bbox.rbbox2roi([dets[:1], dets[1:]])
    assert rois[:, 0].tolist() == [0, 1, 1]
    torch.testing.assert_close(rois[:, 1:], dets[:, :5])


@pytest.mark.parametrize('name', ['obb2poly', 'obb2hbb', 'obb2xyxy', 'hbb2obb', 'poly2obb'])
def test_arrays_and_tensors_give_the_same(version, name):
    boxes = random_boxes(30).double()
    source = dict(hbb2obb=bbox.obb2xyxy, poly2obb=bbox.obb2poly).get(name, lambda b, _: b)
    given = source(boxes, version)
    convert = getattr(bbox, name)
    from_array = convert(given.numpy(), version)
    assert isinstance(from_array, np.ndarray)
    np.testing.assert_allclose(from_array, convert(given, version), atol=1e-9)


@pytest.mark.parametrize('turns', range(-2, 3))
def test_the_range_of_opencvs_angles_does_not_matter(version, turns, monkeypatch):
    polys = tensor(f'transforms_quad_{version}/poly').numpy()
    expected, _ = bbox.polys2obb_np(polys, version)
    real = cv2.minAreaRect

    def turned(points):
        centre, sides, degrees = real(points)
        return centre, sides if turns % 2 == 0 else sides[::-1], degrees + 90 * turns

    monkeypatch.setattr(cv2, 'minAreaRect', turned)
    np.testing.assert_allclose(bbox.polys2obb_np(polys, version)[0], expected, atol=1e-6)


def test_results_of_half_precision_are_float32(version):
    dets = torch.cat([random_boxes(3), torch.ones(3, 1)], 1).bfloat16()
    (result,) = bbox.rbbox2result(dets, torch.zeros(3), 1)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, dets.float())


def test_gradient_of_corners(version):
    boxes = torch.cat([random_boxes(5), torch.tensor([[9.0, 9, 0, 0, 0]])]).requires_grad_()
    bbox.poly2obb(bbox.obb2poly(boxes, version), version).sum().backward()
    assert boxes.grad.isfinite().all()
    assert boxes.grad[:5, :2].ne(0).all()
