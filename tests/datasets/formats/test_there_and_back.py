"""What is written in a format is read from it, and what is not has been counted: for every pair of formats."""

import functools
import itertools
import math

import cv2
import numpy as np
import pytest

from mmrotate.datasets.formats import FORMATS, AnyNames, Entry, PerImage, Record, Split, check_record
from mmrotate.datasets.formats.losses import losses_of
from mmrotate.datasets.formats.shapes import corners, is_rectangle, is_upright, upright

CLASSES = ['ship', 'warcraft', 'submarine', 'text']
SIZE = (300, 200)
NEAR = 0.01  # pixels


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp('images')
    for name in ('a', 'b'):
        cv2.imwrite(str(folder / f'{name}.png'), np.zeros(SIZE[::-1], np.uint8))
    return folder


def through(row, records, folder, images):
    """The records after they were written in a format and read again."""
    folder.mkdir()
    records = [record._replace(size=SIZE) for record in records]
    if isinstance(row, PerImage):
        for record in records:
            row.write(record, folder, CLASSES)
        split = Split(folder, images)
    else:
        split = Split(folder / f'all{row.suffix}', images)
        row.write(records, split.labels, CLASSES)
    return [check_record(record, AnyNames(CLASSES)) for record in row.read(split, CLASSES)]


def held(entry, row):
    """What a format holds of an object: its name, difficulty, score, heading and shape, None for what is lost."""
    shape = corners(entry.shape)
    if 'turned' not in row.holds and not is_upright(shape):
        left, top, right, bottom = upright(shape)
        shape = [left, top, right, top, right, bottom, left, bottom]
    elif 'corners' not in row.holds and not is_rectangle(shape):
        shape = None
    others = [value if key in row.holds else None for key, value in zip(('score', 'heading'), entry[4:], strict=True)]
    difficulty = entry.difficulty if 'difficulty' in row.holds else 0
    return (entry.name if row.only is None or entry.name in row.only else None, difficulty, *others, shape)


def assert_same(written, found, row, folder):
    """The found entries are the written ones, as far as the format holds them."""
    assert len(written) == len(found), folder
    for entry, other in zip(written, found, strict=True):
        name, difficulty, score, heading, shape = held(entry, row)
        assert name in (None, other.name), folder
        assert other.difficulty == difficulty, folder
        for value, read in ((score, other.score), (heading, other.heading)):
            assert (read is None) == (value is None), folder
            assert value is None or math.cos(value - read) == pytest.approx(1, abs=1e-6), folder
        if shape is not None:
            points, read = np.reshape(shape, (4, 2)), np.reshape(corners(other.shape), (4, 2))
            orders = [np.roll(each, start, 0) for each in (read, read[::-1]) for start in range(4)]
            assert min(np.abs(order - points).max() for order in orders) < NEAR, folder


def objects():
    """Upright and turned boxes, rectangles and other quadrilaterals, with all that objects may have."""
    rng = np.random.default_rng()
    boxes = [[*rng.uniform(60, 140, 2), *rng.uniform(5, 60, 2), angle] for angle in (0, *rng.uniform(-3, 3, 4))]
    free = [(np.float64(corners(box)) + rng.uniform(1, 4, 8)).tolist() for box in boxes[:2]]
    shapes = [*boxes, corners(boxes[1]), *free]
    names = itertools.cycle(CLASSES[:3])
    optional = itertools.cycle([(0, None, None), (1, None, None), (0, 0.25, None), (1, 0.5, 2.5)])
    return [Entry('', list(map(float, shape)), next(names), *next(optional)) for shape in shapes]


@pytest.mark.parametrize('first', FORMATS)
def test_every_pair_of_formats(first, images, tmp_path):
    start = FORMATS[first]
    records = [Record('a.png', objects(), SIZE), Record('b.png', [], SIZE)]
    own = through(start, records, tmp_path / first, images)
    assert_same(records[0].entries, own[0].entries, start, first)
    assert [record.image for record in own] == [record.image for record in records]
    for second, row in FORMATS.items():
        there = through(row, own, tmp_path / f'{first}-{second}', images)
        assert_same(own[0].entries, there[0].entries, row, second)
        back = through(start, there, tmp_path / f'{first}-{second}-{first}', images)
        if not losses_of(own[0], row):
            assert_same(own[0].entries, back[0].entries, start, f'{first}-{second}-{first}')


@pytest.mark.parametrize(('key', 'entry'), [
    ('turned', Entry('', [50, 50, 20, 10, 0.5], 'ship')), ('corners', Entry('', [0, 0, 9, 0, 9, 5, 0, 9], 'ship')),
    ('difficulty', Entry('', [5, 5, 2, 2, 0], 'ship', 1)), ('score', Entry('', [5, 5, 2, 2, 0], 'ship', 0, 0.5)),
    ('heading', Entry('', [5, 5, 2, 2, 0], 'ship', 0, None, 0.5)),
])  # fmt: skip
def test_losses_are_counted(key, entry):
    plain = Entry('', [5, 5, 2, 2, 0], 'ship')
    row = functools.partial(losses_of, Record('a.png', [plain, entry, entry]))
    for form in FORMATS.values():
        lost = row(form)
        assert lost.pop(key, 0) == (0 if key in form.holds else 2)
        assert key == 'turned' or lost == ({'class': 3} if form.only and 'ship' not in form.only else {})


def test_images_without_objects_are_counted():
    for form in FORMATS.values():
        assert losses_of(Record('a.png', []), form) == ({} if 'empty' in form.holds else {'empty': 1})
