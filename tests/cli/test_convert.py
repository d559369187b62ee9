"""mmrotate convert: says what it recognised and lost, goes on after a kill, mixes nothing up."""

import json
import os
import signal

import cv2
import numpy as np
import pytest

from mmrotate.cli import main
from mmrotate.cli.convert import add_arguments  # noqa: F401  # so that the imports are done before a fork
from mmrotate.utils.item_files import ItemFiles
from tests.helpers.geo import write_tiff

LINES = ['10 10 60 10 60 30 10 30 big ship 0', '100.5 50.25 150.5 60 140 90 95 80 plane 1', '5 5 9 5 9 9 5 9 plane 0']


@pytest.fixture
def dota(tmp_path):
    """A folder in the format of DOTA with two parts, and an image without objects."""
    for part, count in (('train', 3), ('val', 2)):
        for kind in ('images', 'labelTxt'):
            (tmp_path / 'dota' / part / kind).mkdir(parents=True)
        for number in range(count):
            stem = f'{part}{number}'
            cv2.imwrite(str(tmp_path / 'dota' / part / 'images' / f'{stem}.png'), np.zeros((100, 200), np.uint8))
            text = ''.join(f'{line}\n' for line in LINES[number:])
            (tmp_path / 'dota' / part / 'labelTxt' / f'{stem}.txt').write_text(text)
    (tmp_path / 'dota/val/labelTxt/val1.txt').write_text('')
    return tmp_path / 'dota'


def convert(*args):
    return main(['convert', *map(str, args)])


def tree(folder):
    """Content of each file below a folder, and where links lead."""
    return {
        str(path.relative_to(folder)): os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in sorted(folder.rglob('*')) if path.is_symlink() or path.is_file()
    }  # fmt: skip


def test_what_is_recognised_and_lost_is_said(dota, tmp_path, capsys):
    assert convert(dota, tmp_path / 'yolo', '--to', 'yolo-obb') == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f'{dota} is dota: train/labelTxt: 3 files *.txt, 11 columns, eight numbers and a name'
    assert out[3:] == [
        '5 images, 9 objects, 2 classes: big ship, plane',
        'lost: 3 objects with a difficulty, which is left out',
        f'written: {tmp_path / "yolo"}, in the format yolo-obb',
    ]
    files = tree(tmp_path / 'yolo')
    assert sorted(files)[:2] == ['data.yaml', 'images/train/train0.png']
    assert files['images/val/val1.png'] == str(dota / 'val/images/val1.png')
    assert files['labels/val/val1.txt'] == b''
    assert files['labels/train/train0.txt'].splitlines()[0] == b'0 0.05 0.1 0.3 0.1 0.3 0.3 0.05 0.3'


@pytest.mark.parametrize('between', ['coco', 'csv'])
def test_there_and_back_is_the_same(dota, tmp_path, capsys, between):
    assert convert(dota, tmp_path / 'there', '--to', between, '--images', 'copy') == 0
    assert convert(tmp_path / 'there', tmp_path / 'back', '--to', 'dota', '--images', 'copy') == 0
    assert capsys.readouterr().out.count('nothing is lost') == 2
    assert tree(tmp_path / 'back') == tree(dota)


def test_the_files_are_the_same_for_any_number_of_processes(dota, tmp_path):
    for to in ('coco', 'yolo-obb'):
        assert convert(dota, tmp_path / f'{to}1', '--to', to) == 0
        assert convert(dota, tmp_path / f'{to}2', '--to', to, '--nproc', 2) == 0
        assert tree(tmp_path / f'{to}1') == tree(tmp_path / f'{to}2')


def test_a_damaged_file_is_left_out_and_done_once_it_is_mended(dota, tmp_path, capsys):
    path = dota / 'train/labelTxt/train1.txt'
    text = path.read_text()
    path.write_text('1 2 3\n')
    assert convert(dota, tmp_path / 'coco', '--to', 'coco') == 1
    err = capsys.readouterr().err
    assert f'left out: {path}, line 1: 9 or 10 columns' in err
    assert '1 of 5 images could not be used, 4 are done.' in err
    path.write_text(text)
    assert convert(dota, tmp_path / 'coco', '--to', 'coco', '--resume') == 0
    assert convert(dota, tmp_path / 'whole', '--to', 'coco') == 0
    assert tree(tmp_path / 'coco') == tree(tmp_path / 'whole')


@pytest.mark.parametrize('to', ['coco', 'yolo-obb'])
def test_killed_at_any_file_it_goes_on(dota, tmp_path, to):
    assert convert(dota, tmp_path / 'whole', '--to', to, '--images', 'copy') == 0
    argv = (dota, tmp_path / 'new', '--to', to, '--images', 'copy', '--resume')
    # the third file is never of the first image that is left, so each run brings it on
    kills = [killed(argv, at) for at in (1, 2, 3, 4, 3, 3, 5, 4, 3, 3)]
    assert sum(kills) >= 5
    assert not killed(argv, at=100)
    assert tree(tmp_path / 'new') == tree(tmp_path / 'whole')


def killed(argv, at):
    """Whether a process that runs the command is killed as it writes its file number ``at``."""
    if (child := os.fork()) == 0:
        seen, replace = [], os.replace

        def counted(*args):
            seen.append(args)
            if len(seen) == at:
                os.kill(os.getpid(), signal.SIGKILL)
            replace(*args)

        os.replace = counted
        os._exit(convert(*argv))
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def test_a_changed_label_file_is_converted_again(dota, tmp_path, monkeypatch):
    path = dota / 'val/labelTxt/val0.txt'
    monkeypatch.setattr(ItemFiles, 'remove', ItemFiles.close)  # as if broken off at the end
    assert convert(dota, tmp_path / 'out', '--to', 'dota') == 0
    path.write_text(f'{LINES[0]}\n')
    (tmp_path / 'out/train/labelTxt/train0.txt').unlink()
    assert convert(dota, tmp_path / 'out', '--to', 'dota', '--resume') == 0
    for name in ('val/labelTxt/val0.txt', 'train/labelTxt/train0.txt'):
        assert (tmp_path / 'out' / name).read_bytes() == (dota / name).read_bytes()


def test_numbers_need_names(dota, tmp_path, capsys):
    convert(dota, tmp_path / 'yolo', '--to', 'yolo-xywhr')
    (tmp_path / 'yolo/data.yaml').unlink()
    assert convert(tmp_path / 'yolo', tmp_path / 'csv', '--to', 'csv') == 1
    assert 'nothing lists their names' in capsys.readouterr().err
    assert convert(tmp_path / 'yolo', tmp_path / 'new', '--to', 'csv', '--classes', 'big ship', 'plane') == 0
    assert 'train0.png,10,10,60,10,60,30,10,30,big ship,0,,,200,100' in (tmp_path / 'new/train.csv').read_text()


def test_sizes_that_the_labels_say_are_held_against_the_images(dota, tmp_path, capsys):
    convert(dota, tmp_path / 'coco', '--to', 'coco')
    path = tmp_path / 'coco/annotations/train.json'
    path.write_text(path.read_text().replace('"width": 200', '"width": 100'))
    assert convert(tmp_path / 'coco', tmp_path / 'yolo', '--to', 'yolo-obb') == 0
    assert 'lost: 3 images of another size than their labels say' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('target', 'reason'),
    [
        ('.', 'is not empty'),
        ('dota/new', 'lie in each other'),
        ('dota/train/labelTxt/new', 'lie in each other'),
        ('dota/train/labelTxt/train0.txt', 'is a file'),
    ],
)
def test_a_target_that_would_mix_files_is_refused(dota, tmp_path, capsys, target, reason):
    before = tree(tmp_path)
    assert convert(dota, tmp_path / target, '--to', 'dota') == 1
    assert reason in capsys.readouterr().err
    assert tree(tmp_path) == before


def test_two_images_of_one_name_are_refused(dota, tmp_path, capsys):
    images = [{'id': i, 'file_name': name} for i, name in enumerate(('train0.png', 'train0.jpg'))]
    data = {'images': images, 'categories': [], 'annotations': []}
    (tmp_path / 'all.json').write_text(json.dumps(data))
    assert convert(tmp_path / 'all.json', tmp_path / 'new', '--to', 'dota') == 1
    assert 'train0.png and train0.jpg would be one image in dota' in capsys.readouterr().err


def test_images_without_a_label_file_are_counted(dota, tmp_path, capsys):
    (dota / 'train/labelTxt/train1.txt').unlink()
    assert convert(dota, tmp_path / 'new', '--to', 'coco') == 0
    assert 'left out: 1 images without a label file' in capsys.readouterr().out


def test_a_missing_image_is_named(dota, tmp_path, capsys):
    convert(dota, tmp_path / 'csv', '--to', 'csv')
    (tmp_path / 'csv/train/train1.png').unlink()
    assert convert(tmp_path / 'csv', tmp_path / 'new', '--to', 'dota') == 1
    assert f'no image {tmp_path / "csv/train/train1.png"}' in capsys.readouterr().err
    assert convert(tmp_path / 'csv', tmp_path / 'other', '--to', 'dota', '--images', 'none') == 0
    assert not (tmp_path / 'other/train/images').exists()


@pytest.mark.parametrize(('crs', 'said'), [('wgs84', 'longitude and latitude'), ('raster', 'those of the images'),
                                           ('pixels', 'pixels')])  # fmt: skip
def test_geojson_of_georeferenced_images(tmp_path, capsys, crs, said):
    for kind in ('images', 'labelTxt'):
        (tmp_path / 'dota' / kind).mkdir(parents=True)
    write_tiff(tmp_path / 'dota/images/a.tif', np.zeros((100, 200, 3), np.uint8))
    (tmp_path / 'dota/labelTxt/a.txt').write_text(f'{LINES[0]}\n')
    assert convert(tmp_path / 'dota', tmp_path / 'there', '--to', 'geojson', '--crs', crs) == 0
    assert f'coordinates: {said}' in capsys.readouterr().out
    assert convert(tmp_path / 'there', tmp_path / 'back', '--to', 'dota') == 0
    found = (tmp_path / 'back/all/labelTxt/a.txt').read_text().split()
    np.testing.assert_allclose(np.array(found[:8], float), np.array(LINES[0].split()[:8], float), atol=1e-3)


def test_geojson_says_why_it_has_pixels(dota, tmp_path, capsys):
    assert convert(dota, tmp_path / 'there', '--to', 'geojson') == 0
    assert 'coordinates: pixels, for 5 of 5 images are not georeferenced' in capsys.readouterr().out
