"""``mmrotate check``: every kind of fault is found, and named by its place."""

import csv
import json
import os
import random
import shlex
import shutil
import signal
import time

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure

from mmrotate.analysis import data_check
from mmrotate.cli import main
from mmrotate.datasets.faults import KINDS, Check
from tests.helpers.pages import HIT_UAV, ROOT, commands_of

GOOD = '10 10 30 10 30 20 10 20 car 0'
BAD = {
    'b.txt': [
        GOOD,
        '10 10 30 10 30 20 10 20',  # line 2: no class
        '10 10 x 10 30 20 10 20 car 0',  # 3
        '50 10 51 10 51 11 50 11 car 0',  # 4: no area
        '200 10 220 10 220 20 200 20 ship 0',  # 5: outside
        '10.2 10 30 10 30 20 10 20 car 0',  # 6: as line 1
        '10 10 30 10 30 20 10 20 ship 0',  # 7: as line 1, of another class
        '40 40 60 40 60 50 40 50 car 1.5',  # 8
    ],
    'alone.txt': [GOOD],
    'no_utf.txt': ['\udcff\udcfe'],
}


def picture(seed):
    small = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    return cv2.resize(small, (100, 80), interpolation=cv2.INTER_CUBIC)


def write(folder, labels, images):
    for sub in ('images', 'labelTxt'):
        (folder / sub).mkdir(parents=True)
    for name, lines in labels.items():
        (folder / 'labelTxt' / name).write_text('\n'.join(lines), 'utf-8', 'surrogateescape')
    for name, seed in images.items():
        cv2.imwrite(str(folder / 'images' / name), picture(seed))


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setattr(data_check, 'draw_labels', lambda table: Figure())  # the first test draws
    good = {f'{name}.txt': [GOOD] for name in 'adefg'}
    images = {f'{name}.png': seed for seed, name in enumerate('abcdefg')}
    write(tmp_path / 'd/train', {'c.txt': [], **good, **BAD}, images)
    (tmp_path / 'd/train/images/no_utf.png').write_bytes(b'no image')
    write(tmp_path / 'd/val', {'v.txt': [GOOD]}, {'v.png': 0, 'bare.png': 50})
    return tmp_path / 'd'


def check(data, *options):
    return main(['check', str(data), '--out-dir', str(data.parent / 'out'), *map(str, options)])


def faults(folder):
    with (folder / 'faults.csv').open(newline='') as lines:
        return list(csv.DictReader(lines))


def test_good_data_has_no_faults(tmp_path, capsys):
    assert main(['check', str(HIT_UAV), '--out-dir', str(tmp_path)]) == 0
    assert 'no faults were found' in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {
        'check.html', 'faults.csv', 'all.png', 'all_by_class.csv', 'all_by_range.csv'
    }  # fmt: skip
    with (tmp_path / 'all_by_class.csv').open() as lines:
        objects = {row['class name']: int(row['objects']) for row in csv.DictReader(lines)}
    assert objects == {'Person': 6, 'Car': 55, 'Bicycle': 152, 'OtherVehicle': 2}


def test_every_fault_is_named_with_its_place(data, capsys):
    assert check(data) == 1
    said = capsys.readouterr()
    assert 'has faults: ' in said.err and 'twice' in said.out
    found = {(fault['kind'], fault['file'].rpartition('/')[2], fault['place']) for fault in faults(data.parent / 'out')}
    assert found == {
        ('line', 'b.txt', 'line 2'),
        ('line', 'b.txt', 'line 3'),
        ('no area', 'b.txt', 'line 4'),
        ('outside', 'b.txt', 'line 5'),
        ('twice', 'b.txt', 'line 6'),
        ('twice', 'b.txt', 'line 7'),
        ('line', 'b.txt', 'line 8'),
        ('file', 'no_utf.txt', ''),
        ('image', 'no_utf.png', ''),
        ('no image', 'alone.txt', ''),
        ('no labels', 'bare.png', ''),
        ('alike', 'a.png', ''),
    }
    assert {kind for kind, *_ in found} == set(KINDS)
    page = (data.parent / 'out/check.html').read_text()
    assert 'Part: train' in page and 'line 8' in page and str(data) + '/train/labelTxt/b.txt' not in page


def test_json_tells_all(data):
    assert check(data, '--json', data.parent / 'all.json', '--labels-only') == 1
    content = json.loads((data.parent / 'all.json').read_text())
    assert content['format'] == 'dota'
    train = content['parts']['train']
    assert (train['images'], train['without objects'], train['classes']) == (9, 2, {'car': 8, 'ship': 2})
    assert content['counts']['twice'] == 3 and 'alike' not in content['counts']
    assert len(content['faults']) == sum(content['counts'].values())


def test_classes_that_are_not_asked_for_are_faults(data):
    assert check(data, '--classes', 'car', 'plane') == 1
    told = [fault for fault in faults(data.parent / 'out') if 'ship' in fault['text'] and fault['kind'] == 'line']
    assert [fault['place'] for fault in told] == ['line 5', 'line 7']


@pytest.mark.parametrize('row', ['yolo-obb', 'coco', 'voc'])
def test_other_formats_too(data, row, capsys):
    for name in ('b.txt', 'alone.txt', 'no_utf.txt'):
        (data / 'train/labelTxt' / name).unlink()
    (data / 'train/images/no_utf.png').unlink()
    (data / 'val/images/bare.png').unlink()
    (data / 'train/labelTxt/b.txt').write_text(f'{GOOD}\n{GOOD}\n')
    other = data.parent / 'other'
    assert main(['convert', str(data), str(other), '--to', row]) == 0
    assert check(other) == 1
    assert {(fault['kind'], 'line' in fault['kind']) for fault in faults(data.parent / 'out')} == {
        ('twice', False), ('alike', False)
    }  # fmt: skip


def test_a_part_whose_labels_are_mostly_damaged_is_not_passed_over(data):
    for path in (data / 'train/labelTxt').glob('[adefg].txt'):
        path.write_text('damaged')
    assert check(data) == 1
    told = [fault for fault in faults(data.parent / 'out') if fault['file'] == str(data / 'train/labelTxt')]
    assert [fault['kind'] for fault in told] == ['file'] and 'left out' in told[0]['text']


def test_what_cannot_be_recognised_is_said(tmp_path, capsys):
    (tmp_path / 'nothing').mkdir()
    assert check(tmp_path / 'nothing') == 1
    assert 'no labels of a known format' in capsys.readouterr().err


def test_a_check_goes_on_where_it_was_broken_off(data, monkeypatch, capsys):
    read, count = cv2.resize, iter(range(100))

    def break_off(*args, **kwargs):
        if next(count) == 2:
            raise KeyboardInterrupt
        return read(*args, **kwargs)

    assert check(data) == 1
    whole = faults(data.parent / 'out')
    monkeypatch.setattr('mmrotate.datasets.likeness.cv2.resize', break_off)
    assert check(data, '--out-dir', data.parent / 'again') == 130
    assert 'with --resume goes on' in capsys.readouterr().err
    assert check(data, '--out-dir', data.parent / 'again', '--resume') == 1
    assert faults(data.parent / 'again') == whole
    assert next(count) == 9 + 1  # of the nine that can be read only the one of the interrupt is read again
    assert not list((data.parent / 'again').glob('*.journal'))


def killed(data, out, seconds):
    """Whether a check, whose looks and files take time, is killed after some seconds."""
    if (child := os.fork()) == 0:
        look, replace = Check.__call__, os.replace
        Check.__call__ = lambda *args: (time.sleep(0.03), look(*args))[1]
        os.replace = lambda *args: (time.sleep(0.03), replace(*args))[1]
        os._exit(check(data, '--out-dir', out, '--json', out / 'all.json', '--resume'))
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_ten_kills_at_random_moments_end_in_the_same_files(data, monkeypatch):
    def tree(folder):
        return {path.relative_to(folder): path.read_bytes() for path in folder.rglob('*') if path.is_file()}

    monkeypatch.chdir(data.parent)
    assert check(data, '--out-dir', data.parent / 'whole', '--json', data.parent / 'whole/all.json') == 1
    draw, again = random.Random(0), data.parent / 'again'
    assert sum([killed(data, again, draw.uniform(0.05, 0.5)) for _ in range(10)]) > 3
    assert check(data, '--out-dir', again, '--json', again / 'all.json', '--resume') == 1
    assert tree(again) == tree(data.parent / 'whole')


def test_several_processes_find_the_same(data):
    assert check(data) == 1
    whole = faults(data.parent / 'out')
    assert check(data, '--out-dir', data.parent / 'two', '--nproc', 2) == 1
    assert faults(data.parent / 'two') == whole


# ---- browse on data


def test_browse_draws_data_as_it_is(tmp_path, capsys):
    shutil.copytree(HIT_UAV, tmp_path / 'd')
    assert main(['browse', str(tmp_path / 'd'), '--output-dir', str(tmp_path / 'out'), '--not-show']) == 0
    assert '8 pictures written' in capsys.readouterr().out
    drawn = sorted((tmp_path / 'out/all').iterdir())
    assert [path.name for path in drawn] == sorted(path.name for path in (HIT_UAV / 'images').iterdir())
    source = cv2.imread(str(HIT_UAV / 'images' / drawn[0].name))
    assert cv2.imread(str(drawn[0])).shape == source.shape
    assert (
        main(['browse', str(tmp_path / 'd'), '--output-dir', str(tmp_path / 'd/images')]) == 0
    )  # in a folder of its own


def test_browse_draws_data_as_a_training_sees_it(data, capsys):
    (data / 'train/labelTxt/b.txt').unlink()
    for name in ('alone', 'no_utf'):
        (data / f'train/labelTxt/{name}.txt').unlink()
    (data / 'train/images/no_utf.png').unlink()
    config = data.parent / 'augment.py'
    config.write_text(
        "data = dict(train=dict(type='DOTADataset', version='le90', pipeline=[dict(type='LoadImageFromFile'), "
        "dict(type='LoadAnnotations', with_bbox=True), dict(type='RResize', img_scale=(200, 160))]))"
    )
    out = data.parent / 'out'
    assert main(['browse', str(data), '--augment', str(config), '--part', 'train', '--output-dir', str(out)]) == 0
    assert sorted(path.name for path in (out / 'train').iterdir()) == [f'{name}.png' for name in 'acdefg']
    assert cv2.imread(str(out / 'train/a.png')).shape == (160, 200, 3)
    assert main(['browse', str(data), '--part', 'tset']) == 1
    assert 'has the parts train, val' in capsys.readouterr().err


def test_options_of_data_are_refused_for_a_config(capsys):
    config = ROOT / 'configs/hit_uav/oriented_rcnn_r18_half_fpn_hit_uav_le90.py'
    assert main(['browse', str(config), '--part', 'train']) == 1
    assert 'go to DATA, not to a config' in capsys.readouterr().err


def test_the_commands_of_the_page_on_data(data, monkeypatch):
    monkeypatch.chdir(data.parent)
    names = {'DATA': str(HIT_UAV), 'CONFIG': 'oriented_rcnn_r18_half_fpn_hit_uav_le90'}
    marked = [command for command, is_run in commands_of(ROOT / 'docs/data.md') if is_run and 'DATA' in command]
    assert len(marked) == 3
    for command in marked:
        assert main([names.get(word, word) for word in shlex.split(command)[1:]]) == 0
    assert len(list(data.parent.glob('outputs/*/all/*.jpg'))) == 16
    assert (data.parent / 'work_dirs/check/hit_uav/check.html').is_file()
    page = (ROOT / 'docs/data.md').read_text()
    assert all(f'`{kind}`' in page for kind in KINDS)


def test_browse_draws_what_lies_in_folders_below(tmp_path, capsys):
    for i, place in enumerate(('x/y', 'x/z')):
        for kind in ('images', 'labels'):
            (tmp_path / 'd' / kind / place).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / f'd/images/{place}/a{i}.png'), picture(i))
        (tmp_path / f'd/labels/{place}/a{i}.txt').write_text(f'{GOOD}\n')
    assert main(['browse', str(tmp_path / 'd'), '--output-dir', str(tmp_path / 'out'), '--not-show']) == 0
    assert '2 pictures written' in capsys.readouterr().out
