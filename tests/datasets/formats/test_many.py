"""Many label files at once are read as one by one, with a cache and without, by the quick way and the careful one."""

import logging
import os

import cv2
import numpy as np
import pytest

from mmrotate.datasets import DOTADataset
from mmrotate.datasets.formats import ClassNames, LabelError, cache, many, read_dota, read_labels, read_many, read_table
from mmrotate.datasets.formats.dota_lines import read_dota_files
from mmrotate.datasets.formats.yolo import read_yolo
from mmrotate.utils.native import library_function

NAMES = ClassNames({'ship': 3, 'plane': 0}, ['car'])
UNUSUAL = [
    '10 10 60 10 60 30 10 30 ship 1.0\n', '1e1 10 60 10 60 30 10 30 ship 0\n', '10,10,60,10,60,30,10,30,ship,0\n',
    '\ufeff10 10 60 10 60 30 10 30 ship\n', '10 10 60 10 60 30 10 30 car 0\n', '+10 10 60 10 60 30 10 30 ship 0\n',
    '0.1234567890123456 10 60 10 60 30 10 30 ship 0\n', '10 10 60 10 60 30 10 30 ship -1\n', 'GSD:1\n',
]  # fmt: skip
WRONG = [
    '10 10 60 10 60 30 10 30 boat 0\n', '10 10 60 10 60 30 10 30\n', '10 10 60 10 60 30 10 3_0 ship 0\n',
    '10 10 60 10 60 30 10 99999999 ship 0\n', '10 10 60 10 60 30 10 nan ship 0\n', '. 1 6 1 6 3 1 3 ship 0\n',
    '10 10 60 10 60 30 10 30 ship 0 0\n', '10 10 60 10 60 30 10 30 ship x\n', '- 1 6 1 6 3 1 3 ship 0\n',
    '.1 .1 .2 .1 .2 .3 .1 .3 ship 0\n', '10 10 60 10 60 30 10 30 ship\v0\n', '1.2.3 1 6 1 6 3 1 3 ship 0\n',
]  # fmt: skip


@pytest.fixture
def files(tmp_path):
    """Label files of usual lines, unusual ones, and none."""
    rng = np.random.default_rng()
    texts = [
        '',
        '\r\n  \n',
        'imagesource:GoogleEarth\ngsd:0.1\n1 1 6 1 6 3 1 3 ship\r\n\t2 2.5 9 -2 9.25 7 2 007.50 plane 12',
    ]
    texts += ['5 5 5.5 5 5.5 5.5 5 5.5 ship 0\n1 1 6 1 6 3 1 3 plane 0\n1 1 6 6 6 1 1 6 ship 1\n', *UNUSUAL]
    for _ in range(5):
        rows = rng.uniform(-10, 1000, (rng.integers(1, 9), 8)).round(int(rng.integers(4)))
        texts.append(''.join(f'{" ".join(map(str, row))} {rng.choice(["ship", "plane"])} 1\n' for row in rows))
    paths = {f'{i}.png': tmp_path / f'{i}.txt' for i in range(len(texts))}
    for path, text in zip(paths.values(), texts, strict=True):
        path.write_text(text, newline='')
    return paths


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A cache, also of few files: gives what is in it."""
    monkeypatch.setenv('MMROTATE_LABEL_CACHE', str(tmp_path / 'cache'))
    monkeypatch.setattr(cache, 'LEAST_FILES', 1)
    return lambda: list((tmp_path / 'cache').glob('*'))


def read(files, names=NAMES, version='le90', reader=read_dota, images='', classes=()):
    return read_many(files, reader, names, version, images, classes)


def assert_same(found, expected):
    assert list(found) == list(expected)
    for name, labels in found.items():
        for key, value in vars(expected[name]).items():
            other = getattr(labels, key)
            assert np.array_equal(other, value) and type(other) is type(value), (name, key)
            assert getattr(other, 'dtype', None) == getattr(value, 'dtype', None)


@pytest.mark.parametrize('version', ['oc', 'le90', 'le135'])
def test_many_are_read_as_one_by_one(files, version):
    assert_same(read(files, version=version), {n: read_labels(p, read_dota, NAMES, version) for n, p in files.items()})


def test_the_quick_way_leaves_what_is_unusual(files):
    paths = list(map(str, files.values()))
    quick = read_dota_files(paths, NAMES)
    if library_function('mmrotate_read_label_files') is None:
        assert quick is None
    else:
        assert np.flatnonzero(quick[3] >= 0).tolist() == [*range(4), *range(4 + len(UNUSUAL), len(files))]
    assert read_dota_files(paths, ClassNames({'big ship': 0, 'big': 1})) is None


@pytest.mark.parametrize('difficulty', [0, 1, 100])
def test_annotations_of_many_are_those_of_each(files, difficulty):
    table = read_table(files, read_dota, NAMES, 'le90', '', ())
    for found, labels in zip(table.annotations(difficulty), read(files).values(), strict=True):
        expected = labels.annotation(difficulty)
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            assert np.array_equal(found[key], value) and found[key].dtype == value.dtype, key


def test_a_file_of_normalised_corners_is_refused_after_many_others(files):
    path = list(files.values())[-1]
    path.write_text('0.1 0.1 0.2 0.1 0.2 0.3 0.1 0.3 ship 0\n')
    with pytest.raises(LabelError, match='normalised') as found:
        read(files)
    assert str(path) in str(found.value)


@pytest.mark.parametrize('line', WRONG)
def test_what_is_wrong_is_said_as_of_one_file(files, line):
    path = list(files.values())[2]
    path.write_text(line)
    with pytest.raises(LabelError) as one:
        read_labels(path, read_dota, NAMES, 'le90')
    with pytest.raises(LabelError) as found:
        read(files)
    assert str(found.value) == str(one.value)


def test_a_file_that_is_gone_is_named(files):
    with pytest.raises(LabelError, match=r'cannot read the label file .*gone'):
        read({**files, 'gone.png': 'gone.txt'})


def test_no_files_are_no_labels():
    assert read({}) == {}


def test_from_the_cache_comes_the_same(files, kept, monkeypatch):
    first = read(files)
    assert len(kept()) == 1
    monkeypatch.setattr(many, '_read', None)
    assert_same(read(files), first)


def changed(path, text, back=False):
    """Change a file, and with ``back`` set its time to what it was."""
    before = os.stat(path)
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + (0 if back else 10**6)))


def test_the_cache_is_of_the_files_and_the_settings_as_they_are(files, kept):
    path = files['0.png']
    assert len(read(files)['0.png']) == 0
    changed(path, '1 1 6 1 6 3 1 3 ship 0\n', back=True)  # another size
    assert len(read(files)['0.png']) == 1
    changed(path, '1 1 6 1 6 3 1 3 ship 1\n')  # another time
    assert read(files)['0.png'].difficulties.tolist() == [1]
    assert len(kept()) == 1
    other = ClassNames({'ship': 5, 'plane': 0, 'car': 2})
    assert read(files, other)['0.png'].labels.tolist() == [5]
    assert not np.array_equal(read(files, version='oc')['2.png'].bboxes, read(files)['2.png'].bboxes)
    assert len(kept()) == 3
    path.unlink()
    with pytest.raises(LabelError, match='cannot read'):
        read(files)


def test_the_cache_is_of_the_images_whose_size_was_asked_for(tmp_path, kept):
    (tmp_path / 'a.txt').write_text('0 .5 .5 .1 .1\n')
    boxes = []
    for width in (100, 200):
        cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((50, width), np.uint8))
        files = {'a.png': tmp_path / 'a.txt'}
        for _ in range(2):
            found = read(files, ClassNames({'ship': 0}), 'le90', read_yolo, tmp_path, ['ship'])
            boxes.append(found['a.png'].bboxes[0, 0])
    assert boxes == [50, 50, 100, 100]


def test_a_damaged_cache_is_made_anew(files, kept):
    first = read(files)
    for content in (b'', b'PK nonsense', kept()[0].read_bytes()[:500]):
        kept()[0].write_bytes(content)
        assert_same(read(files), first)
    assert len(kept()[0].read_bytes()) > 500


def test_the_cache_holds_so_many_data_sets(files, kept, monkeypatch):
    monkeypatch.setattr(cache, '_KEPT', 2)
    for name in list(files)[:4]:
        read({name: files[name]})
    assert len(kept()) == 2


def test_the_cache_may_be_off_or_out_of_reach(files, kept, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv('MMROTATE_LABEL_CACHE', 'off')
    read(files)
    (tmp_path / 'file').write_text('')
    monkeypatch.setenv('MMROTATE_LABEL_CACHE', str(tmp_path / 'file'))
    with caplog.at_level(logging.INFO, 'mmrotate'):
        read(files)
    assert kept() == []
    monkeypatch.delenv('MMROTATE_LABEL_CACHE')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert cache.cache_folder() == tmp_path / 'mmrotate' / 'labels'


def test_a_reader_from_elsewhere_is_not_kept(files, kept):
    assert len(read(files, reader=lambda content, names, picture: read_dota(content, names, picture))) == len(files)
    assert kept() == []


def test_a_dataset_is_the_same_from_the_cache(tmp_path, kept):
    for stem, text in (('a', '1 1 6 1 6 3 1 3 ship 0\n'), ('b', '5 5 9 5 9 9 5 9 plane 2\n5 5 9 5 9 9 5 9 ship 0\n')):
        (tmp_path / f'{stem}.txt').write_text(text)
        (tmp_path / f'{stem}.png').touch()
    first, second = (DOTADataset(str(tmp_path), [], img_prefix=str(tmp_path), difficulty=1) for _ in range(2))
    assert len(kept()) == 1 and len(first) == len(second) == 2
    for one, other in zip(first.data_infos, second.data_infos, strict=True):
        assert one['filename'] == other['filename']
        for key, value in one['ann'].items():
            assert np.array_equal(value, other['ann'][key]) and value.dtype == other['ann'][key].dtype
    assert len(second.get_ann_info(1)['bboxes_ignore']) == 1
