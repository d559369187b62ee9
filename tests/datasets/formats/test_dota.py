"""Lines in the DOTA format, and in those that are taken for it."""

import pytest

from mmrotate.datasets import LabelError
from mmrotate.datasets.dota_labels import read_dota_labels

SQUARE = '10 10 60 10 60 30 10 30'
CLASSES = {'ship': 0, 'Other Ship': 1, 'Cargo Truck': 2}


def read(tmp_path, content, classes=CLASSES):
    path = tmp_path / 'a.txt'
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_dota_labels(path, classes, 'le90')


@pytest.mark.parametrize(
    ('line', 'label', 'difficulty'),
    [
        (f'{SQUARE} Other Ship 0', 1, 0),
        (f'{SQUARE} Other Ship', 1, 0),
        (f'{SQUARE} Cargo Truck 1', 2, 1),
        ('10, 10, 60, 10, 60, 30, 10, 30, ship, 0', 0, 0),
        ('10,10,60,10,60,30,10,30,Other Ship,2', 1, 2),
        ('10,10,60,10,60,30,10,30,ship', 0, 0),
        (f'{SQUARE} ship 1.0', 0, 1),
    ],
)
def test_lines_that_are_read(tmp_path, line, label, difficulty):
    found = read(tmp_path, line)
    assert (found.labels.tolist(), found.difficulties.tolist()) == ([label], [difficulty])
    assert found.bboxes[0, :4].tolist() == pytest.approx([35, 20, 50, 20], abs=1e-3)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (f'{SQUARE} Big Ship 0', 'line 1: class names with spaces .* if they are known'),
        ('377,117,463,117,465,130,378,130,Genaxis Theatre', "line 1: unknown class 'Genaxis Theatre'; .*'ship'"),
        ('10,5 20,5 30,5 20,5 30,5 40,5 10,5 40,5 ship', 'line 1: .*no finite number'),
        ('10;10;60;10;60;30;10;30;ship', 'line 1: .*blanks or commas'),
        ('0 0.1 0.1 0.6 0.1 0.6 0.3 0.1 0.3', "unknown class '0.3' .*YOLO"),
        ('0 0.5 0.5 0.2 0.1', 'line 1: 9 or 10 columns .* YOLO'),
        (f'x1 y1 x2 y2 x3 y3 x4 y4 class difficulty\n{SQUARE} ship 0', 'line 1: .*column titles'),
        ('{"images": []}', 'line 1: .*XML or JSON'),
        (f'{SQUARE} ship False', "line 1: the difficulty must be an integer, got 'False'"),
        (f'{SQUARE} 船 0'.encode('gbk'), r'a\.txt: .*no UTF-8 text .*gbk'),
        (f'{SQUARE} ship 0'.encode('utf-16'), r'a\.txt: .*UTF-16'),
        (f'{SQUARE} ship 0'.encode('utf-16-le'), r'a\.txt: .*zero bytes'),
    ],
)
def test_lines_that_are_named(tmp_path, content, message):
    with pytest.raises(LabelError, match=message):
        read(tmp_path, content)


def test_a_name_that_may_be_two_things(tmp_path):
    classes = {'Boat': 0, 'Boat 1': 1}
    with pytest.raises(LabelError, match="'Boat 1' is a class, or 'Boat' with a difficulty"):
        read(tmp_path, f'{SQUARE} Boat 1', classes)
    assert read(tmp_path, f'{SQUARE} Boat 1 0', classes).labels.tolist() == [1]
