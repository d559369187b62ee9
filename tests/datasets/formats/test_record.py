"""The checks that every label format goes through."""

import itertools

import numpy as np
import pytest
import torch

from mmrotate.datasets import LabelError
from mmrotate.datasets.dota_labels import read_dota_labels
from mmrotate.datasets.formats import ClassNames, Entry, read_labels
from mmrotate.datasets.formats.shapes import uncross
from mmrotate.ops import box_iou_rotated

NAMES = ClassNames({'ship': 0, 'Other Ship': 1}, ['plane'])
CORNERS = (10, 10, 60, 10, 60, 30, 10, 30)
BOX = (35, 20, 50, 20, 0)
SHAPES = [CORNERS, BOX]
VERSIONS = ['oc', 'le90', 'le135']


@pytest.fixture
def read(tmp_path):
    """Reads entries as a format would give them, from a file that does not matter."""
    path = tmp_path / 'a.label'
    path.touch()
    return lambda *entries, version='le90': read_labels(path, lambda *_: entries, NAMES, version)


@pytest.mark.parametrize('version', VERSIONS)
def test_corners_and_boxes_are_the_same_objects(read, version):
    found = [read(Entry('line 1', shape, 'ship'), version=version).bboxes for shape in SHAPES]
    assert box_iou_rotated(*map(torch.from_numpy, found)) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize('shape', SHAPES)
@pytest.mark.parametrize(
    'value', ['nan', 'inf', '-inf', '1e39', '-3.5e38', '1e400', '1e20', '1_000', 'x', '', None, float('nan')]
)
def test_values_that_are_no_place(read, shape, value):
    for column in range(len(shape)):
        values = [value if i == column else number for i, number in enumerate(shape)]
        with pytest.raises(LabelError, match=r'a\.label, object 3: .* is no finite number') as error:
            read(Entry('object 3', values, 'ship'))
        assert repr(value) in str(error.value)


@pytest.mark.parametrize('side', [0, -5, 1.5])
@pytest.mark.parametrize('column', [2, 3])
def test_boxes_without_area_are_counted(read, side, column):
    flat = [side if i == column else number for i, number in enumerate(BOX)]
    found = read(Entry('object 1', flat, 'ship'), Entry('object 2', BOX, 'ship'))
    assert len(found) == 1 and found.degenerate == 1


@pytest.mark.parametrize('difficulty', [2**63, '1e30', 'nan', '0.5', 'False', '1_0', ['1'], {'a': 1}])
def test_difficulties_that_are_none(read, difficulty):
    with pytest.raises(LabelError, match=r'a\.label, line 1: the difficulty must be an integer'):
        read(Entry('line 1', CORNERS, 'ship', difficulty))


@pytest.mark.parametrize(('difficulty', 'expected'), [('1.0', 1), ('-1', -1), (2, 2)])
def test_difficulties(read, difficulty, expected):
    assert read(Entry('line 1', CORNERS, 'ship', difficulty)).difficulties.tolist() == [expected]


def test_known_classes_that_are_not_asked_for_are_counted(read):
    found = read(*(Entry('line 1', CORNERS, name) for name in ('plane', 'ship', 'plane')))
    assert len(found) == 1 and found.others == {'plane': 2}
    with pytest.raises(LabelError, match=r"unknown class 'shp'; did you mean 'ship'\?"):
        read(Entry('line 1', CORNERS, 'shp'))


@pytest.mark.parametrize('version', VERSIONS)
def test_corners_and_boxes_stand_in_one_file(read, version):
    found = read(*(Entry('line 1', shape, 'ship') for shape in SHAPES), version=version)
    assert found.bboxes[0].tolist() == pytest.approx(found.bboxes[1].tolist(), abs=1e-3) and len(found) == 2


@pytest.mark.parametrize('version', VERSIONS)
@pytest.mark.parametrize('order', list(itertools.permutations(range(4))))
def test_corners_in_any_order_are_one_box(read, version, order):
    corners = np.array([[20, 10], [63, 35], [53, 52], [10, 27]], float)  # a rectangle, almost
    boxes = [read(Entry('line 1', c.ravel(), 'ship'), version=version).bboxes for c in (corners, corners[list(order)])]
    assert box_iou_rotated(*map(torch.from_numpy, boxes)) > 0.98


def test_only_crossing_sides_are_changed():
    usual, dented = [0, 0, 9, 1, 8, 7, 1, 5], [0, 0, 9, 0, 3, 3, 0, 9]
    flat, crossing = [0, 0, 9, 0, 5, 0, 1, 0], [0, 0, 9, 0, 0, 5, 9, 5]
    found = uncross(np.float32([usual, dented, flat, crossing]))
    np.testing.assert_array_equal(found, np.float32([usual, dented, flat, [0, 0, 9, 0, 9, 5, 0, 5]]))


def test_fractions_of_the_image(read):
    small = Entry('line 1', np.array(CORNERS) / 100, 'ship')
    with pytest.raises(LabelError, match=r'a\.label: .* fractions of the image'):
        read(small, small)
    # beside an object of some size it is only a tiny one
    assert read(small, Entry('line 2', CORNERS, 'ship')).degenerate == 1


@pytest.mark.parametrize('corners', ['316 258 345 261 337 334 308 1e39', '0 0 3.5e38 0 9 9 0 9', '1 2 3 4 5 6 -1e39 8'])
@pytest.mark.parametrize('version', VERSIONS)
def test_corners_beyond_float32_in_a_file(tmp_path, corners, version):
    path = tmp_path / 'a.txt'
    path.write_text(f'10 10 60 10 60 30 10 30 ship 0\n{corners} ship 0\n')
    with pytest.raises(LabelError, match=r'a\.txt, line 2: the corner value'):
        read_dota_labels(path, {'ship': 0}, version)


def test_a_message_does_not_hold_a_whole_file(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_text('<a>' * 100_000)
    with pytest.raises(LabelError, match=r"a\.txt, line 1: '<a><a>") as error:
        read_dota_labels(path, {'ship': 0}, 'le90')
    assert len(str(error.value)) < 2500
