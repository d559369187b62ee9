"""Turns, shears and shifts, against values of MMRotate 1.x and by their rules."""

import numpy as np
import pytest

from mmrotate.compat.steps import Resize
from mmrotate.core.bbox import obb2poly_np
from mmrotate.datasets.pipelines import (
    ConvertBoxType,
    RandomChoiceRotate,
    RandomRotate,
    Rotate,
    RRandomFlip,
    RResize,
    Translate,
)
from mmrotate.datasets.pipelines.moves import about, turn_matrix
from tests.datasets.pipelines.test_drawn import sample
from tests.helpers.reference import GOLDEN

VALUES = np.load(GOLDEN / 'newer' / 'transforms.npz')
TURNS = sorted({name.split('/')[0] for name in VALUES.files if '/angle' in name})


def given(name):
    img = VALUES['image'].copy()
    boxes, labels = (VALUES[f'{name}/{key}'].copy() for key in ('boxes', 'labels'))
    return dict(img=img, gt_bboxes=boxes, gt_labels=labels, bbox_fields=['gt_bboxes'], img_shape=img.shape)


def corners(boxes):
    """The corners of boxes as complex numbers, in an order that the name of the box does not change."""
    return sorted_corners(obb2poly_np(boxes.astype(np.float32), 'le90'))


def sorted_corners(polys):
    """The same of corners (n, 8)."""
    points = polys.reshape(-1, 4, 2)
    return np.sort_complex((points[..., 0] + 1j * points[..., 1]).round(3).astype(np.complex128))


def assert_moved_alike(results, name, atol=1e-3):
    """Whether image, boxes and labels are those that the reference gives."""
    np.testing.assert_array_equal(results['gt_labels'], VALUES[f'{name}/out_labels'])
    expected = VALUES[f'{name}/out_boxes']
    theirs = sorted_corners(expected) if expected.shape[1] == 8 else corners(expected)
    np.testing.assert_allclose(corners(results['gt_bboxes']), theirs, atol=atol)
    if f'{name}/out_image' in VALUES:
        assert np.abs(results['img'].astype(int) - VALUES[f'{name}/out_image']).max() <= 1


@pytest.mark.parametrize('name', TURNS)
def test_turns_are_those_of_the_reference(name):
    fill = (114, 104, 124) if 'border' in name else 0
    results = Rotate(rotate_angle=float(VALUES[f'{name}/angle']), img_border_value=fill)(given(name))
    assert_moved_alike(results, name)


@pytest.mark.parametrize('direction', ['horizontal', 'vertical', 'diagonal'])
def test_flips_are_those_of_the_reference(direction):
    name = f'flip_{direction}'
    assert_moved_alike(RRandomFlip(1.0, direction, version='le90')(given(name)), name)


@pytest.mark.parametrize('name', TURNS)
def test_pixels_turn_about_the_middle_of_their_centres(name):
    """Boxes, whose pixels begin at 0, turn about (w/2, h/2): it is the same point."""
    height, width = VALUES['image'].shape[:2]
    found = about(((width - 1) / 2, (height - 1) / 2), turn_matrix(float(VALUES[f'{name}/angle'])))
    np.testing.assert_allclose(found, VALUES[f'{name}/homography'][:2], atol=1e-5)


def test_resizing_is_that_of_the_reference():
    """RResize makes sides by the root of both factors and keeps angles, as 0.3 does: the two agree to 0.1 px here."""
    name = 'resize_90x100_keep'
    assert_moved_alike(Resize((100, 90))(given(name)), name)
    assert_moved_alike(RResize((100, 90))(given(name)), name, atol=0.1)


@pytest.mark.parametrize('kinds', ['qbox', 'hbox', 'rbox', 'hbox_rbox'])
def test_kinds_of_boxes_are_those_of_the_reference(kinds):
    results = given(f'convert_{kinds}')
    for kind in kinds.split('_'):
        results = ConvertBoxType(dict(gt_bboxes=kind))(results)
    found, expected = results['gt_bboxes'], VALUES[f'convert_{kinds}/out_boxes']
    assert found.shape == expected.shape
    if kinds == 'qbox':
        found, expected = (np.sort(x.reshape(-1, 4, 2), 1) for x in (found, expected))
    elif found.shape[1] == 5:
        found, expected = corners(found), corners(expected)
    np.testing.assert_allclose(found, expected, atol=5e-3)


def test_kinds_of_boxes_go_there_and_back():
    boxes = VALUES['convert_qbox/boxes']
    there = ConvertBoxType(dict(gt_bboxes='qbox'))(dict(gt_bboxes=boxes))
    back = ConvertBoxType(dict(gt_bboxes='rbox'))(there)['gt_bboxes']
    np.testing.assert_allclose(corners(back), corners(boxes), atol=5e-3)
    around = ConvertBoxType(dict(gt_bboxes='hbox'))(dict(gt_bboxes=obb2poly_np(boxes, 'le90')))['gt_bboxes']
    np.testing.assert_allclose(around, VALUES['convert_hbox/out_boxes'], atol=5e-3)
    with pytest.raises(ValueError, match='kinds of boxes'):
        ConvertBoxType(dict(gt_bboxes='obb'))
    with pytest.raises(ValueError, match=r'\(n, 8\)'):
        ConvertBoxType(dict(gt_bboxes='rbox'))(dict(gt_bboxes=np.zeros((2, 6), np.float32)))


def test_upright_classes_turn_by_quarters_and_chances_are_kept():
    for step in (RandomRotate(1.0, rect_obj_labels=[0]), RandomChoiceRotate([33], 1.0, rect_obj_labels=[0])):
        angles = {(step(sample('le90')) or {}).get('rotate_angle', 90) for _ in range(10)}
        assert angles <= {90, 180, -90, -180}
        results = sample('le90')
        results['gt_labels'][:] = 1
        assert (step(results) or {}).get('rotate_angle', 33) not in (90, 180, -90, -180)
    assert 'rotate_angle' not in RandomRotate(0.0)(sample('le90'))
    assert RandomChoiceRotate([33, 50], 1.0)(sample('le90'))['rotate_angle'] in (33, 50)


def test_what_leaves_the_image_goes():
    boxes = [[20, 50, 30, 10, 0.3], [100, 50, 30, 10, 0.3]]
    left = Translate(10, prob=1.0, max_translate_offset=60, random_negative_prob=1.0)(sample('le90', boxes))
    np.testing.assert_allclose(left['gt_bboxes'], [[40, 50, 30, 10, 0.3]], rtol=1e-6)
    assert left['gt_labels'].tolist() == [1]
    assert Translate(10, prob=1.0, max_translate_offset=140)(sample('le90', boxes[:1])) is None
    empty = sample('le90', np.zeros((0, 5)))
    assert len(Translate(10, prob=1.0)(empty)['gt_bboxes']) == 0
    small = Translate(1, prob=1.0, max_translate_offset=10, min_size=15)
    assert small(sample('le90', boxes)) is None


@pytest.mark.parametrize(
    ('build', 'words'),
    [
        (lambda: Rotate(), 'level or rotate_angle'),
        (lambda: Rotate(level=11), 'from 0 to 10'),
        (lambda: Rotate(level=1, prob=2), 'probability'),
        (lambda: Translate(1, direction='left'), 'direction'),
        (lambda: RandomRotate(angle_range=0), 'angle_range'),
        (lambda: RandomChoiceRotate(30), 'list of degrees'),
    ],
)
def test_wrong_settings_are_named(build, words):
    with pytest.raises(ValueError, match=words):
        build()
