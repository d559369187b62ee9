"""Conversions of boxes."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmrotate.core import bbox
from tests.helpers.golden import VERSIONS, array, polygon_overlap, random_boxes, tensor

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


@given(seed=st.integers(0, 10_000))
def test_round_trip_over_corners(version, seed):
    box = random_boxes(1, seed).numpy().astype(np.float64)
    w, h, theta = bbox.angle.regularize(*box[:, 2:].T, version)
    box = np.stack([box[:, 0], box[:, 1], w, h, theta], 1)
    back = bbox.poly2obb(bbox.obb2poly(torch.from_numpy(box), version), version).numpy()
    assert polygon_overlap(box[0], back[0]) == pytest.approx(1, abs=1e-6)


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
    # the first corner is the one nearest to the top left of the circumscribed box
    corners = polys[:, :8].reshape(-1, 4, 2)
    nearest = np.linalg.norm(corners - corners.min(1, keepdims=True), axis=-1).argmin(1)
    assert (nearest == 0).mean() >= 0.5


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


def test_mapping_back_inverts_resizing_and_flipping(version):
    boxes = random_boxes(20)
    factor = np.array([2.0, 2.0, 2.0, 2.0], np.float32)
    seen = bbox.bbox_flip(torch.cat([boxes[:, :4] * 2, boxes[:, 4:]], 1), (300, 400), 'diagonal')
    back = bbox.bbox_mapping_back(seen, (300, 400), factor, True, 'diagonal')
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
