"""Random rotation moves pixels and boxes together."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrotate.datasets.pipelines import PolyRandomRotate
from mmrotate.registry import PIPELINES

from .test_geometric import RANGES, H, W, boxes, draw, results_of


def rotate(results, angle, **kwargs):
    labels = np.arange(len(results['gt_bboxes']))
    step = PolyRandomRotate(1.0, mode='value', angles_range=[angle], **kwargs)
    return step({'gt_labels': labels, **results})


def covered(box, h, w, parts=4):
    """Share (h, w) of each pixel that lies in the box: at a sharp edge half pixels would go either way."""
    fine = draw([*(parts * value for value in box[:4]), box[4]], parts * h, parts * w)
    return fine.reshape(h, parts, w, parts).mean((1, 3))


@pytest.mark.parametrize('auto_bound', [False, True])
@pytest.mark.parametrize('version', RANGES)
@settings(max_examples=25, deadline=None)
@given(data=st.data(), angle=st.integers(-180, 180))
def test_pixels_and_boxes_turn_together(version, auto_bound, data, angle):
    box = data.draw(boxes(version))
    before = results_of([box], H, W)
    before['img'] = np.rint(255 * covered(box, H, W)).astype(np.uint8)[..., None].repeat(3, 2)
    results = rotate(before, angle, version=version, auto_bound=auto_bound)
    turned = results['gt_bboxes'][0]
    h, w = results['img'].shape[:2]
    found, expected = results['img'][..., 0] / 255, covered(turned, h, w)
    assert np.minimum(found, expected).sum() / np.maximum(found, expected).sum() > 0.96
    low, high = RANGES[version]
    assert low - 1e-5 <= turned[4] <= high + 1e-5
    assert results['img_shape'] == results['pad_shape'] == results['img'].shape
    assert results['rotate_angle'] == angle
    if auto_bound:
        rad = math.radians(angle)
        wide = abs(W * math.cos(rad)) + abs(H * math.sin(rad))
        assert abs(w - wide) <= 0.5
        # the whole box is still there
        assert found.sum() == pytest.approx(box[2] * box[3], rel=0.04)
    else:
        assert (h, w) == (H, W)


@pytest.mark.parametrize(
    ('angle', 'expected'),
    [
        # counter-clockwise on the screen about (40, 30): the box right of the centre goes up
        (90, [40, 10, 20, 10, 0.3 - math.pi / 2]),
        (-90, [40, 50, 20, 10, 0.3 + math.pi / 2 - math.pi]),
        (180, [20, 30, 20, 10, 0.3]),
    ],
)
def test_quarter_turns(angle, expected):
    results = rotate(results_of([[60, 30, 20, 10, 0.3]]), angle)
    np.testing.assert_allclose(results['gt_bboxes'], [expected], atol=1e-4)


def test_quarter_turn_keeps_every_pixel():
    results = results_of([[32, 32, 10, 10, 0.0]], 64, 64)
    results['img'] = np.random.RandomState(0).randint(0, 255, (64, 64, 3)).astype(np.uint8)
    before = results['img']
    turned = rotate(results, 90)['img']
    np.testing.assert_array_equal(turned, np.rot90(before))


def test_what_leaves_the_image_or_is_small_goes():
    inside, corner, small = [40, 30, 20, 10, 0], [75, 30, 8, 7, 0], [40, 30, 20, 4, 0]
    results = rotate(results_of([corner, inside, small]), 90)
    assert results['gt_labels'].tolist() == [1]
    assert results['gt_bboxes'].shape == (1, 5)
    assert rotate(results_of([corner]), 90) is None
    # an image that never had objects stays
    assert rotate(results_of([]), 90)['gt_bboxes'].shape == (0, 5)


def test_ignored_boxes_turn_too():
    results = results_of([[40, 30, 20, 10, 0]])
    results['gt_bboxes_ignore'] = np.float32([[60, 30, 20, 10, 0], [75, 30, 20, 10, 0]])
    results['bbox_fields'].append('gt_bboxes_ignore')
    ignored = rotate(results, 90)['gt_bboxes_ignore']
    np.testing.assert_allclose(ignored, [[40, 10, 20, 10, -math.pi / 2]], atol=1e-4)


def angles(step, count=200, labels=(0,)):
    np.random.seed(0)
    data = [results_of([[40, 30, 20, 10, 0]]) | {'gt_labels': np.array(labels)}] * count
    return [step(dict(one)) for one in data]


def test_angles_are_drawn_as_asked():
    drawn = [r['rotate_angle'] for r in angles(PolyRandomRotate(1.0, angles_range=90))]
    assert 0 <= min(drawn) < 10 and 80 < max(drawn) <= 90
    step = PolyRandomRotate(1.0, angles_range=90, allow_negative=True)
    drawn = [r['rotate_angle'] for r in angles(step)]
    assert -90 <= min(drawn) < -80 and 80 < max(drawn) <= 90
    step = PolyRandomRotate(1.0, mode='value', angles_range=[30, 60])
    assert {r['rotate_angle'] for r in angles(step)} == {30, 60}


def test_classes_of_upright_boxes_turn_by_quarters():
    step = PolyRandomRotate(1.0, rect_classes=[9, 11])
    assert {r['rotate_angle'] for r in angles(step, labels=(9,))} == {90, 180, -90, -180}
    assert len({r['rotate_angle'] for r in angles(step, labels=(3,))}) > 100


def test_share_of_turned_images():
    done = angles(PolyRandomRotate(0.25), 400)
    assert sum(r['rotate'] for r in done) == pytest.approx(100, abs=30)
    left = next(r for r in done if not r['rotate'])
    assert left['rotate_angle'] == 0
    np.testing.assert_array_equal(left['gt_bboxes'], [[40, 30, 20, 10, 0]])
    np.testing.assert_array_equal(left['img'], results_of([[40, 30, 20, 10, 0]])['img'])


@pytest.mark.parametrize(
    'wrong', [dict(mode='both'), dict(angles_range=[30]), dict(mode='value'), dict(mode='value', angles_range=[])]
)
def test_wrong_arguments(wrong):
    with pytest.raises(ValueError, match='mode'):
        PolyRandomRotate(**wrong)


def test_is_registered():
    step = PIPELINES.build(dict(type='PolyRandomRotate', angles_range=45, version='oc'))
    assert 'angles_range=45' in repr(step)
