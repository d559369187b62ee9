"""Windows over large images, and the merge of what is found in them."""

import json

import numpy as np
import pytest

from mmrotate.core import patch
from mmrotate.core.bbox import obb2poly_np
from mmrotate.core.patch import get_multiscale_patch, merge_results, slide_window
from tests.helpers.golden import array
from tests.helpers.reference import GOLDEN


def test_reference_windows():
    got = slide_window(1500, 1100, [512, 300], [400, 200])
    assert got.dtype == np.int64
    assert got.tolist() == array('slide_window/out').tolist()
    sizes, steps = get_multiscale_patch([1024], [824], [0.5, 1.0, 1.5])
    assert (sizes, steps) == tuple(array(f'multiscale_patch/{name}').tolist() for name in ('sizes', 'steps'))


def test_a_small_image_has_one_window_and_none_is_lost_for_its_share():
    assert slide_window(300, 200, [512], [400]).tolist() == [[0, 0, 512, 512]]
    assert slide_window(1000, 200, [512], [400]).tolist() == [[0, 0, 512, 512], [400, 0, 912, 512], [488, 0, 1000, 512]]


def test_a_share_at_the_threshold_is_too_small():
    # of 1000 pixels, 600 are image; where all are so, they stay
    assert slide_window(600, 1000, [1000, 500], [500, 400], 0.6).tolist() == [
        [x, y, x + 500, y + 500] for x in (0, 100) for y in (0, 400, 500)
    ]
    assert slide_window(600, 1000, [1000], [500], 0.6).tolist() == [[0, 0, 1000, 1000]]


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda: slide_window(10, 10, [5], [6]), 'up to each size'),
        (lambda: slide_window(10, 10, [5], [2], 2), 'img_rate_thr'),
        (lambda: get_multiscale_patch([5], [2, 3], [1]), 'as many'),
        (lambda: get_multiscale_patch([5], [2], [0]), 'above 0'),
        (lambda: merge_results([], np.zeros((1, 2)), (9, 9)), 'as many'),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize('picture', ['P1', 'P2'])
def test_reference_merge(picture):
    golden = json.loads((GOLDEN / 'merge_patches.json').read_text())
    patches = [each for each in golden['patches'] if each['image'] == picture]
    results = []
    for each in patches:
        dets, labels = np.array(each['dets'], np.float32), np.array(each['labels'])
        results.append([dets[labels == label] for label in range(3)])
    merged = merge_results(results, np.array([each['offset'] for each in patches]), (600, 600), golden['iou_thr'])
    for dets, lines in zip(merged, golden['merged'].values(), strict=True):
        expected = np.array([line.split()[1:] for line in lines if line.startswith(picture)], float)
        got = obb2poly_np(dets, 'le90')
        np.testing.assert_allclose(got[:, 8], expected[:, 0], atol=0.006)
        corners = got[:, :8].reshape(-1, 4, 2)[:, ::-1].reshape(-1, 8)  # the reference goes round the other way
        turned = np.stack([np.roll(corners, 2 * k, 1) for k in range(4)])
        # of equal scores the order is open
        gaps = np.abs(turned[:, :, None] - expected[None, None, :, 1:]).max(-1).min(0)
        assert gaps.min(0).max() < 0.02
        assert gaps.min(1).max() < 0.02


def test_results_that_are_no_rotated_boxes_are_refused():
    with pytest.raises(TypeError, match='masks'):
        merge_results([([], [])], np.zeros((1, 2)), (9, 9))
    with pytest.raises(TypeError, match=r'\(n, 6\)'):
        merge_results([[np.zeros((1, 5))]], np.zeros((1, 2)), (9, 9))


def test_boxes_and_masks_move():
    module = __import__('mmrotate.core.patch.merge_results', fromlist=['translate_bboxes'])
    assert module.merge_results is patch.merge_results
    boxes = np.arange(6.0)[None]
    assert module.translate_bboxes(boxes, np.array([10, 20])).tolist() == [[10, 21, 2, 3, 4, 5]]
    assert module.translate_bboxes(boxes[:, :5], np.array([10, 20])).tolist() == [[10, 21, 12, 23, 4]]
    assert boxes[0, 0] == 0  # what is given stays as it is
    mapped = module.map_masks([np.ones((4, 4), bool)], (3, 1), (5, 6))[0]
    assert mapped.shape == (6, 5)
    assert np.argwhere(mapped).tolist() == [[y, x] for y in range(1, 5) for x in (3, 4)]
