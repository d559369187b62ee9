import cv2
import numpy as np
import pytest

from mmrotate.core.bbox import obb2poly_np
from mmrotate.datasets.pipelines import RandomAffine, RandomShift
from mmrotate.datasets.pipelines.affine import move

BOX = [50, 40, 30, 12, 0.4]


def sample(version='le90', box=BOX, shape=(80, 100, 3)):
    """A box that is painted into the image."""
    boxes = np.array([box], np.float32)
    img = np.zeros(shape, np.uint8)
    corners = np.rint((obb2poly_np(boxes, version).reshape(4, 2) - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(img, [corners], (255, 255, 255), shift=4)
    return dict(img=img, gt_bboxes=boxes, gt_labels=np.array([0]), bbox_fields=['gt_bboxes'])


def painted(img):
    """Centre and area of what is painted."""
    moments = cv2.moments(img[..., 0].astype(np.float32) / 255)
    return np.array([moments['m10'], moments['m01']]) / moments['m00'] + 0.5, moments['m00']


@pytest.mark.parametrize('version', ['oc', 'le90', 'le135'])
@pytest.mark.parametrize(
    'matrix', [[[1, 0, 7], [0, 1, -5]], [[0.8, -0.3, 12], [0.3, 0.8, -4]], [[1.1, 0.2, -10], [0.1, 0.9, 3]]]
)
def test_boxes_stay_on_their_pixels(version, matrix):
    results = sample(version)
    before = painted(results['img'])[1]
    move(results, np.array(matrix, float), (80, 100), 0, version)
    centre, area = painted(results['img'])
    x, y, w, h, theta = results['gt_bboxes'][0]
    np.testing.assert_allclose([x, y], centre, atol=0.2)
    low, high = dict(oc=(0, np.pi / 2), le90=(-np.pi / 2, np.pi / 2), le135=(-np.pi / 4, 3 * np.pi / 4))[version]
    assert low <= theta <= high
    grown = w * h / (BOX[2] * BOX[3]) * before / area
    sheared = matrix[0][0] != matrix[1][1]
    assert 0.9 < grown < 1.2 if sheared else 0.98 < grown < 1.02


def test_a_shift_changes_nothing_but_the_place():
    for _ in range(10):
        results = RandomShift(shift_ratio=1.0, max_shift_px=8)(sample())
        np.testing.assert_array_equal(results['gt_bboxes'][0, 2:], np.float32(BOX[2:]))
        np.testing.assert_allclose(painted(results['img'])[0], results['gt_bboxes'][0, :2], atol=0.2)
        assert results['gt_bboxes'][0, 0] % 1 == 0
    given = sample()
    assert RandomShift(shift_ratio=0)(given) is given
    # no shift that leaves no object
    lost = sample(box=[98, 40, 30, 12, 0.4])
    assert all(len(RandomShift(1.0, 60)(dict(lost))['gt_bboxes']) for _ in range(10))


def test_the_new_size_and_the_filter():
    still = dict(max_rotate_degree=0, max_translate_ratio=0, max_shear_degree=0, scaling_ratio_range=(1, 1))
    results = RandomAffine(**still, border=(-10, 5), version='le90')(sample())
    assert results['img'].shape == results['img_shape'] == (60, 110, 3)
    np.testing.assert_allclose(results['gt_bboxes'], [BOX], rtol=1e-5)
    assert results['img'][0, 105].tolist() == [114] * 3
    assert RandomAffine(**still, border=(-30, 0))(sample()) is None  # 40 is no longer inside of 20
    assert RandomAffine(**still, skip_filter=False, min_bbox_size=13)(sample()) is None
    assert RandomAffine(**still, skip_filter=False, max_aspect_ratio=2)(sample()) is None
    assert len(RandomAffine(**still, skip_filter=False)(sample())['gt_labels']) == 1


def test_what_is_drawn():
    step = RandomAffine(max_rotate_degree=90, scaling_ratio_range=(0.5, 0.8), version='le90')
    found = [results['gt_bboxes'][0] for results in (step(sample()) for _ in range(40)) if results is not None]
    assert len(found) > 10
    assert np.ptp([theta for *_, theta in found]) > 1
    assert all(12 < w < 30 and w > h for _, _, w, h, _ in found)


@pytest.mark.parametrize('wrong', [dict(scaling_ratio_range=(0, 1)), dict(max_translate_ratio=2)])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match='_ratio'):
        RandomAffine(**wrong)
    with pytest.raises(ValueError, match='shift_ratio'):
        RandomShift(shift_ratio=2)
    with pytest.raises(ValueError, match='leaves nothing'):
        RandomAffine(border=(-50, 0))(sample())
