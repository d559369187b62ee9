from mmrotate.datasets.image_folder import find_images, find_labels


def test_images_by_stem(tmp_path):
    for name in ('b.tif', 'a.jpg', 'a.png', 'C.JPEG', 'd.gif', 'e', 'f.x.bmp', 'a.txt'):
        (tmp_path / name).touch()
    (tmp_path / 'folder.png').mkdir()
    found = find_images(tmp_path)
    assert found == {'C': 'C.JPEG', 'a': 'a.png', 'b': 'b.tif', 'f.x': 'f.x.bmp'}
    assert list(found) == sorted(found)


def test_labels_by_stem(tmp_path):
    for name in ('b.txt', 'a.TXT', 'a.png', 'P1__1__0___0.txt'):
        (tmp_path / name).touch()
    assert find_labels(str(tmp_path)) == {
        'P1__1__0___0': str(tmp_path / 'P1__1__0___0.txt'),
        'a': str(tmp_path / 'a.TXT'),
        'b': str(tmp_path / 'b.txt'),
    }


def test_a_folder_that_is_not_there(tmp_path):
    assert find_images(tmp_path / 'none') == {} and find_labels(tmp_path / 'none') == {}
    assert find_images('') == {}
