"""The YOLO formats of turned boxes."""

import math

import cv2
import numpy as np
import pytest
import yaml

from mmrotate.datasets.formats import FORMATS, EntryError, LabelError, Picture, Record, Split, check_entry
from mmrotate.datasets.formats.record import Entry
from mmrotate.datasets.formats.yolo import read_yolo, write_data_yaml

SIZE = (200, 100)


@pytest.fixture(scope='module')
def picture(tmp_path_factory):
    folder = tmp_path_factory.mktemp('images')
    cv2.imwrite(str(folder / 'a.png'), np.zeros(SIZE[::-1], np.uint8))
    return Picture('a.png', folder, ('ship', 'big plane'))


def read(text, picture):
    return [check_entry(entry) for entry in read_yolo(text.encode(), None, picture)]


def test_lines_of_every_kind_are_read(picture):
    text = (
        '0 .1 .1 .2 .1 .2 .3 .1 .3\n1 .5 .5 .1 .2 0.3\n\n1 .5 .5 .1 .2 -.3 .9\n0 .5 .5 .1 .2\n0 0 0 1 0 1 1 0 1 .25\n'
    )
    assert read(text, picture) == [
        ('line 1', [20, 10, 40, 10, 40, 30, 20, 30], 'ship', 0, None, None),
        ('line 2', [100, 50, 20, 20, 0.3], 'big plane', 0, None, None),
        ('line 4', [100, 50, 20, 20, -0.3], 'big plane', 0, 0.9, None),
        ('line 5', [100, 50, 20, 20, 0], 'ship', 0, None, None),
        ('line 6', [0, 0, 200, 0, 200, 100, 0, 100], 'ship', 0, 0.25, None),
    ]


@pytest.mark.parametrize(
    ('line', 'reason'),
    [
        ('0 .1 .2', 'got 3 columns'),
        ('0 .1 .1 .2 .1 .2 .3 .1 .3 .4 .4', 'got 11 columns.*polygon of 5 corners'),
        ('2 .5 .5 .1 .2', "'2' is no number of a class; the classes are 0 to 1"),
        ('ship .5 .5 .1 .2', "'ship' is no number of a class"),
        ('0 100 50 20 20', 'fractions'),
        ('0 nan .5 .1 .1', 'fractions'),
        ('0 .5 .5 .1 .1 45', 'is it in degrees'),
        ('0 .5 .5 .1 x', 'could not convert'),
    ],
)
def test_what_is_wrong_has_its_line(line, reason, picture):
    with pytest.raises(EntryError, match=f'line 2: .*{reason}'):
        read(f'0 .5 .5 .1 .2\n{line}\n', picture)


def test_an_image_without_a_file_has_no_objects(picture):
    records = list(FORMATS['yolo-obb'].read(Split(picture.folder, picture.folder), picture.classes))
    assert [(record.image, record.entries) for record in records] == [('a.png', [])]


def test_without_an_image_or_names_nothing_is_read(picture, tmp_path):
    (tmp_path / 'a.txt').write_text('0 .5 .5 .1 .2\n')
    with pytest.raises(LabelError, match=r'a\.txt, line 1: the size of the image is needed'):
        list(FORMATS['yolo-obb'].read(Split(tmp_path), picture.classes))
    with pytest.raises(LabelError, match='the classes are unknown: no list'):
        list(FORMATS['yolo-obb'].read(Split(tmp_path, picture.folder)))


def test_boxes_are_written_as_corners_or_as_boxes(picture):
    record = Record('a.png', [Entry('', [100.0, 50, 40, 20, math.pi / 2], 'big plane', 0, 0.5)], SIZE)
    obb, xywhr = (FORMATS[f'yolo-{kind}'].dump(record, picture.classes) for kind in ('obb', 'xywhr'))
    assert obb == '1 0.55 0.3 0.55 0.7 0.45 0.7 0.45 0.3 0.5\n'
    assert xywhr == '1 0.5 0.5 0.2 0.2 1.5707963268 0.5\n'


def test_the_yaml_file_names_the_parts_and_the_classes(tmp_path):
    write_data_yaml(tmp_path, ['ship', 'big plane'], {'val': Split(tmp_path), 'trainval': Split(tmp_path)})
    content = yaml.safe_load((tmp_path / 'data.yaml').read_text())
    assert content == {'val': 'images/val', 'train': 'images/trainval', 'names': {0: 'ship', 1: 'big plane'}}
