"""Pixels and boxes must move together: boxes are drawn before and after, and compared."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrotate.datasets.pipelines import Pad, RRandomFlip, RResize

H, W = 240, 320
RANGES = {'oc': (0, math.pi / 2), 'le90': (-math.pi / 2, math.pi / 2)}
RANGES['le135'] = (-math.pi / 4, 3 * math.pi / 4)
DIRECTIONS = ['horizontal', 'vertical', 'diagonal']


def draw(box, h, w):
    """Mask (h, w) of the pixels whose centres, (0.5, 0.5) for the first, lie in the box."""
    x, y = np.meshgrid(np.arange(w) + 0.5 - box[0], np.arange(h) + 0.5 - box[1])
    cos, sin = math.cos(box[4]), math.sin(box[4])
    along, across = x * cos + y * sin, y * cos - x * sin
    return (np.abs(along) <= box[2] / 2) & (np.abs(across) <= box[3] / 2)


def overlap(mask, other):
    return (mask & other).sum() / (mask | other).sum()


def results_of(boxes, h=60, w=80):
    boxes = np.array(boxes, np.float32).reshape(-1, 5)
    img = np.zeros((h, w, 3), np.uint8)
    for box in boxes:
        img[draw(box, h, w)] = 255
    fields = dict(img_fields=['img'], bbox_fields=['gt_bboxes'])
    return dict(img=img, img_shape=img.shape, gt_bboxes=boxes, **fields)


@st.composite
def boxes(draw_value, version):
    low, high = RANGES[version]
    x, y = draw_value(st.floats(120, 200)), draw_value(st.floats(100, 140))
    w = draw_value(st.floats(60, 160))
    h = draw_value(st.floats(40, 160 if version == 'oc' else w))
    theta = draw_value(st.floats(low, high - 1e-3))
    if version == 'oc':
        theta = max(theta, 1e-3)
    return [x, y, w, h, theta]


@pytest.mark.parametrize('version', RANGES)
@pytest.mark.parametrize('direction', DIRECTIONS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_flip_moves_pixels_and_boxes_together(version, direction, data):
    box = data.draw(boxes(version))
    results = RRandomFlip(1.0, direction, version)(results_of([box], H, W))
    flipped = results['gt_bboxes'][0]
    assert overlap(results['img'][..., 0] > 0, draw(flipped, H, W)) > 0.98
    low, high = RANGES[version]
    assert low - 1e-5 <= flipped[4] <= high + 1e-5
    if version != 'oc':
        assert flipped[2] == np.float32(box[2])


@pytest.mark.parametrize('direction', DIRECTIONS)
@pytest.mark.parametrize('version', RANGES)
def test_flipping_twice_changes_nothing(version, direction):
    low, high = RANGES[version]
    boxes = [[100, 90, 60, 40, theta] for theta in np.linspace(low + 1e-3, high - 1e-3, 9)]
    step = RRandomFlip(1.0, direction, version)
    results = step(results_of(boxes, H, W))
    assert np.abs(results['gt_bboxes'] - np.float32(boxes)).max() > 10
    for key in ('flip', 'flip_direction'):
        del results[key]
    np.testing.assert_allclose(step(results)['gt_bboxes'], boxes, atol=1e-4)


@pytest.mark.parametrize('version', RANGES)
@settings(max_examples=25, deadline=None)
@given(data=st.data(), edge=st.integers(320, 700))
def test_resize_moves_pixels_and_boxes_together(version, data, edge):
    results = RResize((edge, edge))(results_of([data.draw(boxes(version))], H, W))
    h, w = results['img'].shape[:2]
    assert max(h, w) == edge
    assert overlap(results['img'][..., 0] > 127, draw(results['gt_bboxes'][0], h, w)) > 0.9


@pytest.mark.parametrize('count', [0, 1, 2])
def test_boxes_keep_their_shape(count):
    results = results_of([[40, 30, 20, 10, 0.5]] * count)
    for step in (RResize((160, 160)), RRandomFlip(1.0, 'vertical', 'le90'), Pad(size_divisor=32)):
        results = step(results)
        assert results['gt_bboxes'].shape == (count, 5)
        assert results['gt_bboxes'].dtype == np.float32


def test_resize_values():
    results = RResize((100, 100))(results_of([[40, 30, 20, 10, 0.5]]))
    assert results['img_shape'] == results['pad_shape'] == (75, 100, 3)
    assert results['scale'] == (100, 100) and results['keep_ratio'] is True
    assert results['scale_factor'].dtype == np.float32
    np.testing.assert_allclose(results['scale_factor'], [1.25] * 4)
    np.testing.assert_allclose(results['gt_bboxes'], [[50, 37.5, 25, 12.5, 0.5]])


def test_resize_without_the_ratio():
    results = RResize((160, 240), keep_ratio=False)(results_of([[40, 30, 20, 10, 0.5]]))
    assert results['img_shape'] == (240, 160, 3)
    np.testing.assert_allclose(results['scale_factor'], [2, 4, 2, 4])
    side = math.sqrt(8)
    np.testing.assert_allclose(results['gt_bboxes'], [[80, 120, 20 * side, 10 * side, 0.5]], rtol=1e-6)


def test_resize_leaves_the_input_boxes_alone():
    results = results_of([[40, 30, 20, 10, 0.5]])
    before = results['gt_bboxes'].copy()
    boxes_before = results['gt_bboxes']
    RResize((160, 160))(results)
    np.testing.assert_array_equal(boxes_before, before)


def test_scales_are_drawn_as_asked():
    def edges(step):
        np.random.seed(0)
        return {step(results_of([]))['scale'] for _ in range(40)}

    assert edges(RResize([(80, 60), (160, 120)], multiscale_mode='value')) == {(80, 60), (160, 120)}
    drawn = edges(RResize([(80, 60), (160, 120)]))
    assert len(drawn) > 10
    assert all(80 <= long <= 160 and 60 <= short <= 120 for long, short in drawn)
    drawn = edges(RResize((100, 50), ratio_range=(0.5, 2.0)))
    assert len(drawn) > 10 and all(50 <= long <= 200 for long, _ in drawn)
    assert all(abs(long - 2 * short) <= 1 for long, short in drawn)
    assert all(40 <= long <= 160 for long, _ in edges(RResize(ratio_range=(0.5, 2.0))))


def test_scale_of_an_earlier_step_wins():
    assert RResize((10, 10))({**results_of([]), 'scale': (160, 120)})['img_shape'] == (120, 160, 3)
    assert RResize()({**results_of([]), 'scale_factor': 0.5})['img_shape'] == (30, 40, 3)
    with pytest.raises(ValueError, match='needs img_scale'):
        RResize()(results_of([]))


@pytest.mark.parametrize(
    'wrong',
    [
        dict(img_scale=(10, 20, 30)),
        dict(img_scale=(0, 5)),
        dict(img_scale=(4, 4), multiscale_mode='list'),
        dict(img_scale=[(4, 4), (5, 5)], ratio_range=(1, 2)),
    ],
)
def test_wrong_resize(wrong):
    with pytest.raises(ValueError, match=r'img_scale|multiscale_mode'):
        RResize(**wrong)


def test_flip_probabilities():
    def shares(step, count=4000):
        np.random.seed(0)
        drawn = [step(dict(img=np.zeros((2, 2, 3), np.uint8)))['flip_direction'] for _ in range(count)]
        return [drawn.count(direction) / count for direction in (None, *DIRECTIONS)]

    quarter = RRandomFlip([0.25, 0.25, 0.25], DIRECTIONS)
    np.testing.assert_allclose(shares(quarter), [0.25] * 4, atol=0.03)
    np.testing.assert_allclose(shares(RRandomFlip(0.6, DIRECTIONS)), [0.4, 0.2, 0.2, 0.2], atol=0.03)
    np.testing.assert_allclose(shares(RRandomFlip(0.5)), [0.5, 0.5, 0, 0], atol=0.03)
    assert shares(RRandomFlip(), 20) == [1, 0, 0, 0]
    assert shares(RRandomFlip([0.1, 0.2, 0.7], DIRECTIONS), 20)[0] == 0


def test_flip_of_an_earlier_step_wins():
    img = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    never = RRandomFlip()
    flipped = never(dict(img=img, flip=True, flip_direction='vertical'))
    np.testing.assert_array_equal(flipped['img'], img[::-1])
    always = RRandomFlip(1.0)
    kept = always(dict(img=img, flip=False, flip_direction=None))
    np.testing.assert_array_equal(kept['img'], img)


@pytest.mark.parametrize(
    'wrong',
    [
        dict(flip_ratio=1.5),
        dict(flip_ratio=-0.1),
        dict(flip_ratio=[0.5, 0.5]),
        dict(flip_ratio=[0.5, 0.6], direction=['horizontal', 'vertical']),
        dict(flip_ratio=0.5, direction='sideways'),
        dict(flip_ratio=0.5, direction=[]),
    ],
)
def test_wrong_flip(wrong):
    with pytest.raises(ValueError, match=r'flip_ratio|direction'):
        RRandomFlip(**wrong)


def test_pad():
    results = Pad(size_divisor=32, pad_val=dict(img=7))(results_of([], 60, 80))
    assert results['pad_shape'] == results['img'].shape == (64, 96, 3)
    assert (results['img'][60:] == 7).all() and results['img_shape'] == (60, 80, 3)
    assert Pad(size=(70, 90))(results_of([], 60, 80))['pad_shape'] == (70, 90, 3)
    square = Pad(pad_to_square=True, size_divisor=64)(results_of([], 60, 80))
    assert square['pad_shape'] == (128, 128, 3)
    assert Pad(size_divisor=20)(results_of([], 60, 80))['pad_shape'] == (60, 80, 3)


@pytest.mark.parametrize('wrong', [dict(), dict(size=(4, 4), size_divisor=2), dict(size_divisor=0)])
def test_wrong_pad(wrong):
    with pytest.raises(ValueError, match='Pad'):
        Pad(**wrong)
