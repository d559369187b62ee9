"""Data is told by what its files hold, whatever its folders are called."""

import pytest

from mmrotate.datasets.sources import SourceError, recognise

DOTA = '0 0 9 0 9 9 0 9 ship 0\n'


@pytest.fixture
def data(tmp_path):
    """Make files, by path and text, below a folder."""

    def make(*names, **files):
        for name, text in (dict.fromkeys(names, '') | files).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return tmp_path

    return make


def parts(source, root):
    """Labels, images and list of each part, relative to ``root``."""
    return {
        name: tuple(str(place.relative_to(root)) for place in split if place is not None)
        for name, split in source.splits.items()
    }


def test_parts_are_named_by_folders_and_images_found_by_stems(data):
    root = data(
        'train/pictures/a.png', 'val/pictures/a.png', 'train/README.txt',
        **{'train/anns/a.txt': DOTA, 'val/anns/a.txt': 'gsd:1\n' + DOTA},
    )  # fmt: skip
    source = recognise(root)
    assert parts(source, root) == {'train': ('train/anns', 'train/pictures'), 'val': ('val/anns', 'val/pictures')}
    assert source.reason == 'train/anns: 1 files *.txt, 10 columns, eight numbers and a name'
    assert '  val: labels in ' in source.describe()


def test_parts_below_labels_and_images(data):
    root = data(
        'images/train2017/a.png', 'images/val2017/b.png',
        **{'labels/train2017/a.txt': DOTA, 'labels/val2017/b.txt': DOTA},
    )  # fmt: skip
    assert parts(recognise(root), root)['train'] == ('labels/train2017', 'images/train2017')
    # a folder of labels alone finds its images beside it
    assert parts(recognise(root / 'labels/val2017'), root) == {'val': ('labels/val2017', 'images/val2017')}


def test_folders_of_one_part_are_one_if_labels_and_images_lie_alike(data):
    root = data(
        'images/x/a.png', 'images/y/b.png', **{'labels/x/a.txt': DOTA, 'labels/y/b.txt': DOTA, 'classes.txt': 'ship\n'}
    )
    source = recognise(root)
    assert parts(source, root) == {'all': ('labels', 'images')}
    assert source.classes == ('ship',)
    data(**{'labels2/b.txt': DOTA})
    with pytest.raises(SourceError, match=r"several places hold labels of the part 'all': .*labels2"):
        recognise(root)


def test_lists_name_the_parts(data):
    root = data(
        'Images-a/1.jpg', 'Images-b/2.jpg',
        **{'Ann/1.txt': DOTA, 'Ann/2.txt': DOTA, 'Sets/Main/train.txt': '1\n', 'Sets/Main/test.txt': '2\n'},
    )  # fmt: skip
    assert parts(recognise(root), root) == {
        'train': ('Ann', 'Images-a', 'Sets/Main/train.txt'),
        'test': ('Ann', 'Images-b', 'Sets/Main/test.txt'),
    }


def test_similar_names_belong_together(data):
    root = data('train/trainimg/1.jpg', 'train/trainimgr/1.jpg', **{'train/trainlabelr/1.txt': DOTA})
    assert parts(recognise(root), root) == {'train': ('train/trainlabelr', 'train/trainimgr')}


def test_a_yaml_file_names_folders_and_classes(data):
    text = 'path: nowhere\ntrain: images/train\nval: val.txt\nnames: {0: ship, 1: big plane}\n'
    root = data(
        'images/train/a.png', 'images/val/b.png', 'images/val/c.png',
        **{'labels/train/a.txt': DOTA, 'labels/val/b.txt': DOTA, 'val.txt': './images/val/b.png\n', 'd.yaml': text},
    )  # fmt: skip
    for path in (root, root / 'd.yaml'):
        source = recognise(path)
        assert source.classes == ('ship', 'big plane')
        assert parts(source, root)['val'] == ('labels/val', 'images/val', 'val.txt')
        assert [record.image for record in source.read('val')] == ['b.png']


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        ('train: [', 'cannot be read as YAML'),
        ('a: 1', 'describes no data'),
        ('train: gone', 'train: neither of .*gone'),
        ('train: images', 'no label files of a known format'),
        ('train: images\nnames: {1: a}', 'the numbers 0 to 0 are needed'),
        ('train: images\nnames: [a, a]', 'different names'),
    ],
)
def test_a_yaml_file_that_cannot_be_meant_is_refused(data, text, reason):
    root = data('images/a.png', **{'data.yaml': text})
    with pytest.raises(SourceError, match=reason):
        recognise(root / 'data.yaml')


def test_what_is_not_known_is_said(data, tmp_path):
    with pytest.raises(SourceError, match='no such file or folder'):
        recognise(tmp_path / 'gone')
    root = data('a.png', **{'a.txt': 'hello\n'})
    with pytest.raises(SourceError, match=r'no labels of a known format .* are there.*1 files \*\.txt'):
        recognise(root)
    with pytest.raises(SourceError, match='of the format dota are there'):
        recognise(root, 'dota')
    with pytest.raises(SourceError, match="unknown format 'dato'"):
        recognise(root, 'dato')


def test_a_part_whose_labels_are_mostly_damaged_is_named(data):
    root = data('train/images/a.png', 'val/images/a.png', **{'train/labels/a.txt': DOTA, 'val/labels/a.txt': 'what?'})
    source = recognise(root)
    assert list(source.splits) == ['train']
    assert f'  left out: {root / "val/labels"}, 1 files *.txt beside images, most of them no dota' in source.describe()
