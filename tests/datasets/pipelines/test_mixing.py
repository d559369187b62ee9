import numpy as np
import pytest

from mmrotate.datasets.pipelines import CachedMixUp, CachedMosaic, MixUp, RMosaic


def sample(value, box=None, size=(40, 60), angle=0.3):
    boxes = np.array([box or [30, 20, 12, 8, angle]], np.float32)
    img = np.full((*size, 3), value, np.uint8)
    return dict(
        img=img, img_shape=img.shape, gt_bboxes=boxes, gt_labels=np.array([value]), bbox_fields=['gt_bboxes'],
        img_fields=['img'],
    )  # fmt: skip


def mosaic(parts, **kwargs):
    options = dict(img_scale=(40, 60), center_ratio_range=(1, 1), version='le90')
    return RMosaic(**{**options, **kwargs})({**parts[0], 'mix_results': parts[1:]})


def test_four_images_around_the_centre():
    results = mosaic([sample(value) for value in (1, 2, 3, 4)])
    assert results['img'].shape == results['img_shape'] == results['pad_shape'] == (80, 120, 3)
    img = results['img'][..., 0]
    for place, value in (((0, 0), 1), ((0, 119), 2), ((79, 0), 3), ((40, 60), 4), ((39, 59), 1)):
        assert img[place] == value
    np.testing.assert_allclose(
        results['gt_bboxes'], [[x, y, 12, 8, 0.3] for y in (20, 60) for x in (30, 90)], rtol=1e-5
    )
    assert results['gt_labels'].tolist() == [1, 2, 3, 4]


def test_images_are_fitted_and_the_rest_is_padded():
    small = sample(2, [30, 20, 12, 8, 0.3], size=(20, 60))
    large = sample(3, [60, 40, 24, 16, 0.3], size=(80, 120))
    results = mosaic([sample(1), small, large, sample(4)], pad_val=9)
    img = results['img'][..., 0]
    assert img[10, 70] == 9 and img[30, 70] == 2  # at the bottom of its quarter, next to the centre
    np.testing.assert_allclose(results['gt_bboxes'][1:3], [[90, 40, 12, 8, 0.3], [30, 60, 12, 8, 0.3]], rtol=1e-5)


def test_what_is_cut_off_goes():
    results = mosaic([sample(value) for value in (1, 2, 3, 4)], center_ratio_range=(0.5, 0.5))
    # the upper left image keeps its lower right quarter, whose corner is the centre of its box
    assert results['gt_labels'].tolist() == [4]
    empty = sample(1)
    empty.update(gt_bboxes=np.zeros((0, 5), np.float32), gt_labels=np.zeros(0, int))
    assert mosaic([sample(1), *[dict(empty)] * 3], center_ratio_range=(0.5, 0.5)) is None
    # images without objects make an image without objects
    assert mosaic([dict(empty)] * 4)['gt_bboxes'].shape == (0, 5)


def test_small_objects_go_if_asked():
    parts = [sample(value) for value in (1, 2, 3, 4)]
    parts[2]['gt_bboxes'][0, 2:4] = 20, 11
    assert len(mosaic(parts)['gt_labels']) == 4
    assert mosaic(parts, skip_filter=False)['gt_labels'].tolist() == [3]
    assert mosaic(parts, skip_filter=False, min_bbox_size=12) is None


def test_a_mosaic_has_a_probability():
    parts = [sample(value) for value in (1, 2, 3, 4)]
    shapes = [mosaic(parts, prob=0.5)['img'].shape for _ in range(40)]
    assert 8 <= shapes.count((40, 60, 3)) <= 32 and len(set(shapes)) == 2
    assert mosaic(parts, prob=0)['img'].shape == (40, 60, 3)


def test_ignored_boxes_and_grey_images_are_mixed_too():
    parts = [sample(value) for value in (1, 2, 3, 4)]
    for part in parts:
        part.update(img=part['img'][..., 0], gt_bboxes_ignore=np.zeros((0, 5), np.float32))
        part['bbox_fields'] = ['gt_bboxes', 'gt_bboxes_ignore']
    parts[3]['gt_bboxes_ignore'] = np.array([[5, 6, 4, 2, 0.1]], np.float32)
    results = mosaic(parts)
    assert results['img'].shape == (80, 120)
    np.testing.assert_allclose(results['gt_bboxes_ignore'], [[65, 46, 4, 2, 0.1]], rtol=1e-6)


def test_further_images_are_drawn_from_the_dataset():
    drawn = RMosaic().get_indexes(range(5))
    assert len(drawn) == 3 and all(isinstance(index, int) and 0 <= index < 5 for index in drawn)


def blend(first, second, **kwargs):
    options = dict(img_scale=(40, 60), ratio_range=(1, 1), flip_ratio=0.0, version='le90')
    return MixUp(**{**options, **kwargs})({**first, 'mix_results': [second]})


def test_two_images_half_and_half():
    results = blend(sample(100), sample(50, [10, 8, 12, 8, -0.2]))
    assert results['img'].dtype == np.uint8 and (results['img'] == 75).all()
    np.testing.assert_allclose(results['gt_bboxes'], [[30, 20, 12, 8, 0.3], [10, 8, 12, 8, -0.2]], rtol=1e-6)
    assert results['gt_labels'].tolist() == [100, 50]


def test_the_other_image_may_be_mirrored_scaled_and_cut():
    mirrored = blend(sample(100), sample(50, [10, 8, 12, 8, -0.2]), flip_ratio=1.0)
    np.testing.assert_allclose(mirrored['gt_bboxes'][1], [50, 8, 12, 8, 0.2], rtol=1e-5)
    small = blend(sample(100), sample(50), ratio_range=(0.5, 0.5), pad_val=20)
    assert small['img'][0, 0, 0] == 75 and small['img'][-1, -1, 0] == 60
    np.testing.assert_allclose(small['gt_bboxes'][1], [15, 10, 6, 4, 0.3], rtol=1e-5)
    for _ in range(10):
        cut = blend(sample(100), sample(50, [10, 8, 12, 8, 0]), ratio_range=(2, 2))
        assert cut['img'].shape == (40, 60, 3) and (cut['img'] == 75).all()
        assert all((0 < box[:2]).all() and (box[:2] < (60, 40)).all() for box in cut['gt_bboxes'])


def test_objects_of_the_other_image_may_be_asked_to_be_large_and_compact():
    strict = dict(skip_filter=False, min_bbox_size=5, max_aspect_ratio=4)
    assert len(blend(sample(1), sample(2), **strict)['gt_labels']) == 2
    assert len(blend(sample(1), sample(2, [30, 20, 12, 4, 0]), **strict)['gt_labels']) == 1
    assert len(blend(sample(1), sample(2, [30, 20, 30, 6, 0]), **strict)['gt_labels']) == 1


def test_another_image_with_objects_is_looked_for():
    class Dataset:
        asked = 0

        def __len__(self):
            return 3

        def get_ann_info(self, index):
            self.asked += 1
            return dict(bboxes=np.zeros((int(self.asked > 4), 5)))

    dataset = Dataset()
    assert 0 <= MixUp().get_indexes(dataset) < 3 and dataset.asked == 5
    empty = sample(2)
    empty['gt_bboxes'] = np.zeros((0, 5), np.float32)
    assert (blend(sample(100), empty)['img'] == 100).all()


@pytest.mark.parametrize('step', [RMosaic, MixUp])
def test_sizes_that_make_no_sense_are_refused(step):
    with pytest.raises(ValueError, match='img_scale'):
        step(img_scale=(0, 5))


def test_a_mosaic_of_images_seen_before():
    step = CachedMosaic(img_scale=(40, 60), center_ratio_range=(1, 1), max_cached_images=5, random_pop=False)
    for value in (1, 2, 3, 4):
        given = sample(value)
        assert step(given) is given
    results = step(sample(5))
    assert results['img'].shape == (80, 120, 3) and 'mix_results' not in results
    assert results['gt_labels'][0] == 5 and set(results['gt_labels']) <= {1, 2, 3, 4, 5}
    assert len(results['gt_bboxes']) == 4
    for value in range(6, 11):
        step(sample(value))
    assert set(step(sample(11))['gt_labels']) <= set(range(7, 12))  # the oldest went
    assert step.get_indexes(range(9)) == []


def test_what_is_kept_is_a_copy():
    step = CachedMixUp(img_scale=(40, 60), ratio_range=(1, 1), flip_ratio=0, max_cached_images=2, version='le90')
    first = step(sample(1))
    first['img'][:] = 99
    first['gt_bboxes'][:] = 0
    mixed = [step(sample(3)) for _ in range(20)]
    assert {int(results['img'][0, 0, 0]) for results in mixed} <= {2, 3}
    assert int(mixed[0]['gt_labels'][0]) == 3 and len(mixed[0]['gt_bboxes']) == 2
    np.testing.assert_allclose(mixed[-1]['gt_bboxes'], [[30, 20, 12, 8, 0.3]] * 2, rtol=1e-5)


def test_some_images_are_not_mixed():
    step = CachedMixUp(img_scale=(40, 60), ratio_range=(1, 1), prob=0.0)
    assert all(len(step(sample(1))['gt_bboxes']) == 1 for _ in range(4))


@pytest.mark.parametrize(('step', 'wrong'), [(CachedMosaic, 4), (CachedMixUp, 1)])
def test_too_few_images_to_mix(step, wrong):
    with pytest.raises(ValueError, match=f'max_cached_images must be above {wrong}, got {wrong}'):
        step(max_cached_images=wrong)
    with pytest.raises(ValueError, match='prob must be'):
        step(prob=2)
