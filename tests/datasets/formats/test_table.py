"""Labels as a table in CSV."""

import pytest

from mmrotate.datasets.formats import FORMATS, LabelError, Record, Split, check_record
from mmrotate.datasets.formats.record import AnyNames, Entry
from mmrotate.datasets.formats.table import dump_csv

CSV = FORMATS['csv']
HEADER = 'image,x,y,w,h,angle,class'


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / 'all.csv'
        path.write_text(text)
        return [check_record(record, AnyNames()) for record in CSV.read(Split(path))]

    return read


def test_rows_are_gathered_by_image_and_titles_have_any_order(read):
    text = 'class,angle,h,w,y,x,image,score,colour,width,height\n"a, b",.5,4,3,2,1,i.png,.9,red,20,10\n'
    text += 'c,0,4,3,2,1,j.png\nc,0,4,3,2,1,i.png\n,,,,,,k.png\n'
    first, second, third = read('\ufeff' + text)
    assert (first.image, first.size) == ('i.png', (20, 10))
    assert [(e.name, e.shape, e.score) for e in first.entries] == [
        ('a, b', [1, 2, 3, 4, 0.5], 0.9),
        ('c', [1, 2, 3, 4, 0], None),
    ]
    assert (second.image, second.size, len(second.entries)) == ('j.png', None, 1)
    assert (third.image, third.entries) == ('k.png', [])


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        ('', 'a first line with image, class'),
        ('image,class,x,y,w,h\n', 'a first line with image, class'),
        (f'{HEADER}\n,1,2,3,4,0,c\n', 'line 2: no image'),
        (f'{HEADER}\ni.png,1,2,3,4,0,c\ni.png,1,2\n', 'line 3: the box value None'),
        (f'{HEADER}\ni.png,1,2,3,z,0,c\n', "line 2: the box value 'z'"),
        (f'{HEADER}\ni.png,1,2,3,4,0,\n', 'no name of a class'),
        (f'{HEADER},width,height\ni.png,1,2,3,4,0,c,a,3\n', 'line 2: width and height'),
        (f'{HEADER},score\ni.png,1,2,3,4,0,c,nan\n', "line 2: the score 'nan'"),
    ],
)
def test_what_is_wrong_has_its_line(read, text, reason):
    with pytest.raises((LabelError, ValueError), match=reason):
        read(text)


def test_what_is_written_is_read(read):
    entry = Entry('', [0.5, 0.0, 9.0, 0.0, 9.0, 9.0, 0.25, 9.0], 'a, "b"', 1, 0.5, None)
    written = [Record('i.png', [entry], (20, 10)), Record('sub/j.png', [])]
    found = read(''.join(dump_csv(written, [])))
    assert [entry.shape for entry in found[0].entries] == [entry.shape]
    assert found[0].entries[0][2:] == entry[2:]
    assert [(record.image, record.size) for record in found] == [('i.png', (20, 10)), ('sub/j.png', None)]
