import numpy as np
import pytest

from mmrotate.datasets.pipelines import Expand, MinIoURandomCrop, RandomCenterCropPad
from tests.datasets.pipelines.test_drawn import BOX, SHAPE, sample

TWO = [BOX, [20, 20, 20, 10, 0.2]]


def test_an_expanded_image_lies_whole_on_its_canvas():
    results = Expand(mean=(10, 20, 30), ratio_range=(2, 2), prob=1.0)(sample('le90', TWO))
    assert results['img'].shape == results['img_shape'] == (SHAPE[0] * 2, SHAPE[1] * 2, 3)
    shift = results['gt_bboxes'][:, :2] - np.array(TWO, np.float32)[:, :2]
    assert (shift == shift[0]).all() and (shift[0] % 1 == 0).all()
    x, y = shift[0].astype(int)
    part = results['img'][y : y + SHAPE[0], x : x + SHAPE[1]]
    np.testing.assert_array_equal(part, sample('le90', TWO)['img'])
    assert (results['img'].reshape(-1, 3) == [30, 20, 10]).all(1).sum() >= 3 * SHAPE[0] * SHAPE[1] - 100
    given = sample('le90')
    assert Expand(prob=0)(given) is given
    with pytest.raises(ValueError, match='at least 1'):
        Expand(ratio_range=(0.5, 2))


def test_a_window_overlaps_every_object_enough():
    from_all = set()
    for _ in range(20):
        results = MinIoURandomCrop(min_ious=[0.05])(sample('le90', TWO))
        h, w = results['img'].shape[:2]
        assert len(results['gt_bboxes']) >= 1
        assert (results['gt_bboxes'][:, :2] < (w, h)).all() and (results['gt_bboxes'][:, :2] > 0).all()
        assert h >= 0.3 * SHAPE[0] - 1 and w >= 0.3 * SHAPE[1] - 1
        from_all.add((h, w))
    assert len(from_all) > 3
    empty = MinIoURandomCrop()(sample('le90', np.zeros((0, 5))))
    assert len(empty['gt_bboxes']) == 0


def test_a_window_around_an_object():
    step = RandomCenterCropPad(crop_size=(60, 80), ratios=[1.0], mean=(1, 2, 3))
    for _ in range(10):
        results = step(sample('le90', TWO))
        assert results['img'].shape == (60, 80, 3)
        assert len(results['gt_bboxes']) >= 1
        top, bottom, left, right = results['border'].astype(int)
        outside = np.ones((60, 80), bool)
        outside[top:bottom, left:right] = False
        assert (results['img'][outside] == [1, 2, 3]).all()


def test_in_testing_the_image_is_in_the_middle():
    results = RandomCenterCropPad(test_mode=True)(sample('le90', TWO))
    assert results['img'].shape == (127, 255, 3)
    np.testing.assert_allclose(results['gt_bboxes'][0, :2] - BOX[:2], [52, 8], atol=1e-4)
    even = RandomCenterCropPad(test_mode=True, test_pad_mode=('size_divisor', 32))(sample('le90', TWO))
    assert even['img'].shape == (128, 160, 3)
    for wrong in (dict(), dict(test_mode=True, crop_size=(3, 3)), dict(test_mode=True, test_pad_mode=('x', 1))):
        with pytest.raises(ValueError):
            RandomCenterCropPad(**wrong)
