"""What all formats share: files and their images, records there and back."""

import pytest

from mmrotate.datasets.formats import FORMATS, LabelError, PerImage, Split
from mmrotate.datasets.image_folder import MissingFilesError

DOTA = FORMATS['dota']
assert isinstance(DOTA, PerImage)


@pytest.fixture
def split(tmp_path):
    for name in (
        'labels/b.txt',
        'labels/part/a.txt',
        'images/b.png',
        'images/b.bmp',
        'images/part/a.tif',
        'images/c.png',
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text('')
    return Split(tmp_path / 'labels', tmp_path / 'images')


def test_label_files_find_their_images_in_folders_below(split):
    assert [record.image for record in DOTA.read(split)] == ['b.png', 'part/a.tif']


def test_a_list_chooses_the_images(split, tmp_path):
    (tmp_path / 'list.txt').write_text('part/a\n')
    assert [record.image for record in DOTA.read(split._replace(listed=tmp_path / 'list.txt'))] == ['part/a.tif']


def test_a_list_may_have_stems_with_dots_and_paths_of_linked_images(split, tmp_path):
    (split.images / 'x.y.png').symlink_to(split.images / 'b.png')
    (split.labels / 'x.y.txt').write_text('')
    for line in ('x.y', 'images/x.y.png', str(split.images / 'x.y.png')):
        (tmp_path / 'list.txt').write_text(f'{line}\n')
        assert [item.image for item in DOTA.items(split._replace(listed=tmp_path / 'list.txt'))] == ['x.y.png']


def test_an_image_that_is_listed_needs_a_label_file(split, tmp_path):
    (tmp_path / 'list.txt').write_text('b\nc\n')
    with pytest.raises(MissingFilesError, match=r'1 of 2 images that .*list\.txt lists have no label file.*: c'):
        DOTA.items(split._replace(listed=tmp_path / 'list.txt'))


def test_a_label_file_without_an_image_is_named(split, tmp_path):
    (tmp_path / 'labels/z.txt').write_text('')
    with pytest.raises(MissingFilesError, match=r'1 of 3 .*z\.txt'):
        DOTA.items(split)
    assert [item.image for item in DOTA.items(split._replace(images=None))] == ['b', 'part/a', 'z']


def test_a_link_to_a_folder_above_ends(split):
    (split.images / 'up').symlink_to(split.images.parent)
    assert len(DOTA.items(split)) == 2


def test_what_is_wrong_has_its_file_and_line(split):
    (split.labels / 'b.txt').write_text('1 2 3\n')
    with pytest.raises(LabelError, match=r'b\.txt, line 1'):
        list(DOTA.read(split))


def test_any_name_is_a_class_and_a_number_behind_it_a_difficulty(split):
    (split.labels / 'b.txt').write_text('0 0 9 0 9 9 0 9 Boeing 737 1\n0 0 9 0 9 9 0 9 big ship\n0 0 9 0 9 9 0 9 7\n')
    entries = next(iter(DOTA.read(split))).entries
    assert [(entry.name, entry.difficulty) for entry in entries] == [('Boeing 737', '1'), ('big ship', '0'), ('7', '0')]
