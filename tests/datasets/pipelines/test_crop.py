import numpy as np
import pytest

from mmrotate.datasets.pipelines import CutOut, RRandomCrop


def sample(*boxes, shape=(40, 60, 3)):
    img = np.arange(np.prod(shape)).reshape(shape).astype(np.float32)
    boxes = np.array(boxes or [[30, 20, 12, 8, 0.3]], np.float32).reshape(-1, 5)
    labels = np.arange(len(boxes))
    ignored = np.array([[30, 20, 12, 8, 0.3]], np.float32)
    return dict(
        img=img, gt_bboxes=boxes, gt_labels=labels, gt_bboxes_ignore=ignored,
        bbox_fields=['gt_bboxes', 'gt_bboxes_ignore'],
    )  # fmt: skip


def test_pixels_and_boxes_stay_together():
    for _ in range(20):
        given = sample()
        results = RRandomCrop((24, 30), iof_thr=0.01)(dict(given))
        if results is None:
            continue
        assert results['img'].shape == results['img_shape'] == results['pad_shape'] == (24, 30, 3)
        top, left = np.divmod(int(results['img'][0, 0, 0]) // 3, 60)
        np.testing.assert_allclose(results['gt_bboxes'], [[30 - left, 20 - top, 12, 8, 0.3]], rtol=1e-6)
        np.testing.assert_array_equal(results['gt_bboxes_ignore'], results['gt_bboxes'])


@pytest.mark.parametrize(
    ('share', 'stays'), [(0.7, True), (0.6, True), (0.5, False)]
)  # fmt: skip
def test_a_box_stays_if_enough_of_it_is_inside(monkeypatch, share, stays):
    monkeypatch.setattr(np.random, 'randint', lambda low, high=None: 0)
    given = sample([30 - 20 * (share - 0.5), 20, 20, 8, 0], [5, 5, 4, 4, 0])
    results = RRandomCrop((40, 30), iof_thr=0.6)(given)
    assert results['gt_labels'].tolist() == ([0, 1] if stays else [1])
    assert results['gt_bboxes'][0, 2] == (20 if stays else 4)  # whole


@pytest.mark.parametrize(
    ('kind', 'size', 'heights', 'widths'),
    [
        ('absolute', (24, 30), {24}, {30}),
        ('absolute', (100, 100), {40}, {60}),
        ('absolute_range', (38, 50), {38, 39, 40}, set(range(38, 51))),
        ('relative', (0.5, 0.25), {20}, {15}),
        ('relative_range', (0.95, 1.0), {38, 39, 40}, {60}),
    ],
)
def test_sizes(kind, size, heights, widths):
    step = RRandomCrop(size, kind, allow_negative_crop=True)
    shapes = [step(sample())['img_shape'] for _ in range(60)]
    assert {h for h, _, _ in shapes} == heights
    assert {w for _, w, _ in shapes} <= widths and len({w for _, w, _ in shapes}) > len(widths) / 2


def test_a_part_without_objects():
    assert RRandomCrop((4, 4))(sample()) is None
    kept = RRandomCrop((4, 4), allow_negative_crop=True)(sample())
    assert kept['gt_bboxes'].shape == (0, 5) and kept['gt_labels'].shape == (0,)
    nothing = sample()
    nothing.update(gt_bboxes=np.zeros((0, 5), np.float32), gt_labels=np.zeros(0, int))
    assert RRandomCrop((4, 4))(nothing)['img_shape'] == (4, 4, 3)


@pytest.mark.parametrize(
    ('size', 'kind'),
    [
        ((0, 5), 'absolute'), ((-1, 5), 'absolute'), ((5.5, 5), 'absolute'), ((5,), 'absolute'), (5, 'absolute'),
        ((9, 5), 'absolute_range'), ((1.5, 0.5), 'relative'), ((0, 0.5), 'relative_range'), ((5, 5), 'middle'),
    ],
)  # fmt: skip
def test_sizes_that_make_no_sense_are_refused(size, kind):
    with pytest.raises(ValueError, match=r'crop_size|crop_type'):
        RRandomCrop(size, kind)


@pytest.mark.parametrize(
    'options', [dict(cutout_shape=(6, 4)), dict(cutout_ratio=(0.1, 0.1)), dict(cutout_shape=[(6, 4), (6, 4)])]
)
def test_holes(options):
    given = sample()
    before = given['img'].copy()
    results = CutOut(1, fill_in=(7, 8, 9), **options)(dict(given))
    hole = (results['img'] == [7, 8, 9]).all(2)
    rows, columns = np.nonzero(hole)
    assert 1 <= hole.sum() <= 24 and hole[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].all()
    np.testing.assert_array_equal(results['img'][~hole], before[~hole])
    np.testing.assert_array_equal(given['img'], before)
    assert len(results['gt_bboxes']) == 1


def test_wrong_holes():
    for wrong in (dict(n_holes=1), dict(n_holes=1, cutout_shape=(2, 2), cutout_ratio=(0.1, 0.1))):
        with pytest.raises(ValueError, match='either'):
            CutOut(**wrong)
    with pytest.raises(ValueError, match='n_holes'):
        CutOut((3, 2), cutout_shape=(2, 2))
