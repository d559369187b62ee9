"""What is written in a format is read again: random objects, as far as the format holds them."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmrotate.datasets.formats import FORMATS, AnyNames, Entry, PerImage, Record, Split, check_record
from mmrotate.datasets.formats.shapes import box, corners, upright

SIZE = (640, 480)
NAMES = {'hrsc': ['ship', 'Nimitz', 'no known kind'], 'icdar2015': ['text']}
USUAL = ['car', 'small vehicle', 'Ärzte & <Söhne> "7"']


def random_shape(rng, holds):
    """A box or a quadrilateral somewhere on the image, or partly beside it."""
    shape = [*rng.uniform((-10, -10), SIZE), *rng.uniform(4, 200, 2), rng.uniform(-7, 7)]
    if 'turned' not in holds:
        return upright(shape)
    if 'corners' in holds and rng.random() < 0.5:
        return (np.array(corners(shape)) + rng.uniform(-1.5, 1.5, 8)).tolist()
    return shape if rng.random() < 0.5 else corners(shape)


def random_entry(rng, form):
    """An object that the format holds without loss."""
    name = str(rng.choice(NAMES.get(form.name, USUAL)))
    difficulty = int(rng.integers(2)) if 'difficulty' in form.holds else 0
    score = round(float(rng.random()), 6) if 'score' in form.holds else None
    heading = float(rng.uniform(-math.pi, math.pi)) if 'heading' in form.holds else None
    return Entry('', random_shape(rng, form.holds), name, difficulty, score, heading)


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    """A folder with three images, one of them in a folder."""
    folder = tmp_path_factory.mktemp('images')
    (folder / 'deep').mkdir()
    for name in ('a.png', 'b.jpg', 'deep/c.tif'):
        cv2.imwrite(str(folder / name), np.zeros(SIZE[::-1], np.uint8))
    return folder


def written_and_read(form, records, folder, images):
    """The records as they come back from files of a format."""
    classes = sorted({entry.name for record in records for entry in record.entries})
    place = folder / Path(form.labels).name.replace('{split}', 'all')
    if isinstance(form, PerImage):
        for record in records:
            form.write(record, place, classes)
    else:
        form.write(records, place, classes)
    found = [check_record(record, AnyNames()) for record in form.read(Split(place, images), classes)]
    return {record.image: record.entries for record in found}


def assert_same_place(found, expected):
    """Whether two shapes have the same corners, in any order."""
    first, second = (np.reshape(corners(shape), (4, 1, 2)) for shape in (found, expected))
    distances = np.linalg.norm(first - second.transpose(1, 0, 2), axis=-1)
    assert distances.min(0).max() < 1e-3 and distances.min(1).max() < 1e-3


@pytest.mark.parametrize('form', FORMATS.values(), ids=FORMATS)
def test_objects_come_back(form, tmp_path, images):
    rng = np.random.default_rng(len(form.name))
    names = ['a.png', 'b.jpg', *(['deep/c.tif'] if 'empty' in form.holds else [])]
    counts = dict(zip(names, (30, 1, 0), strict=False))
    records = [Record(name, [random_entry(rng, form) for _ in range(count)], SIZE) for name, count in counts.items()]
    found = written_and_read(form, records, tmp_path, images)
    assert list(found) == names
    for record in records:
        assert len(found[record.image]) == len(record.entries)
        for new, old in zip(found[record.image], record.entries, strict=True):
            assert (new.name, new.difficulty) == (old.name, old.difficulty)
            assert (new.score is None) == (old.score is None) and (new.score or 0) == pytest.approx(old.score or 0)
            assert_same_place(new.shape, old.shape)
            if old.heading is not None:
                assert math.cos(new.heading - old.heading) > 1 - 1e-9


@pytest.mark.parametrize(
    'form', [form for form in FORMATS.values() if 'turned' in form.holds], ids=lambda form: form.name
)
def test_a_box_keeps_its_first_side(form, tmp_path, images):
    """The angle is more than that of a rectangle: which side is the width stays, where the format can say it."""
    record = Record('a.png', [Entry('', [200, 150, 40, 90, 0.3], NAMES.get(form.name, USUAL)[0])], SIZE)
    (entry,) = written_and_read(form, [record], tmp_path, images)['a.png']
    x, y, w, h, angle = box(entry.shape)
    assert (x, y) == pytest.approx((200, 150), abs=1e-3)
    assert sorted((w, h)) == pytest.approx([40, 90], abs=1e-3)
    assert form.name == 'rsdd' or (w, angle % math.pi) == pytest.approx((40, 0.3), abs=1e-4)
