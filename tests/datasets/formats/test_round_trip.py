"""What is written in a format is read again: names, folders, and the side of a box that its angle belongs to.

The shapes of objects, for every pair of formats, are in ``test_there_and_back``.
"""

import math

import cv2
import numpy as np
import pytest

from mmrotate.datasets.formats import FORMATS, AnyNames, Entry, PerImage, Record, Split, check_record
from mmrotate.datasets.formats.shapes import box

SIZE = (640, 480)
NAMES = ['car', 'small vehicle', 'Ärzte & <Söhne> "7", 船']
SHAPE = [200.0, 150.0, 40.0, 90.0, 0.3]


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    """A folder with three images, one of them in a folder."""
    folder = tmp_path_factory.mktemp('images')
    (folder / 'deep').mkdir()
    for name in ('a.png', 'b.jpg', 'deep/c.tif'):
        cv2.imwrite(str(folder / name), np.zeros(SIZE[::-1], np.uint8))
    return folder


@pytest.fixture
def written_and_read(tmp_path, images):
    """Writes records in a format and gives the objects that are read from the files, by their image."""

    def read(form, records):
        place = tmp_path / ('all' if isinstance(form, PerImage) else f'all{form.suffix}')
        if isinstance(form, PerImage):
            for record in records:
                form.write(record, place, NAMES)
        else:
            form.write(records, place, NAMES)
        found = form.read(Split(place, images), NAMES)
        return {record.image: check_record(record, AnyNames()).entries for record in found}

    return read


@pytest.mark.parametrize('form', FORMATS.values(), ids=FORMATS)
def test_names_and_folders_come_back(form, written_and_read):
    names = ['ship', 'text'] if form.only else NAMES
    objects = [Entry('', SHAPE, name) for name in names if form.only is None or name in form.only]
    records = [Record('a.png', objects, SIZE), Record('b.jpg', [], SIZE), Record('deep/c.tif', objects, SIZE)]
    found = written_and_read(form, records)
    assert {image: [entry.name for entry in entries] for image, entries in found.items()} == {
        record.image: [entry.name for entry in record.entries] for record in records
    }


@pytest.mark.parametrize('form', FORMATS.values(), ids=FORMATS)
def test_a_box_keeps_its_first_side(form, written_and_read):
    """The angle is more than that of a rectangle: which side is the width stays, where the format can say it."""
    entry = Entry('', SHAPE, min(form.only or NAMES[:1]))
    (found,) = written_and_read(form, [Record('a.png', [entry], SIZE)])['a.png']
    x, y, w, h, angle = box(found.shape)
    assert (x, y) == pytest.approx((200, 150), abs=1e-3)
    assert sorted((w, h)) == pytest.approx([40, 90], abs=1e-3)
    assert form.name == 'rsdd' or (w, angle % math.pi) == pytest.approx((40, 0.3), abs=1e-4)
