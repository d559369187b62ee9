"""mmrotate split: what is meant by its options, the command line's, those of a JSON file and the defaults."""

import json
import runpy
import sys
from pathlib import Path

import pytest

from mmrotate.cli import main
from mmrotate.cli.split import _DEFAULTS
from tests.helpers.scenes import write_scene

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / 'tools/data/dota/split/split_configs').glob('*.json'))


@pytest.fixture
def data(tmp_path):
    write_scene(tmp_path / 'data', 'P0', (500, 400))
    return tmp_path / 'data'


def names(folder):
    return sorted(path.stem for path in folder.iterdir())


def options(data, **more):
    """A JSON file beside ``data`` whose options name it."""
    path = data.parent / 'base.json'
    given = dict(img_dirs=[f'{data}/images'], ann_dirs=[f'{data}/labelTxt'], nproc=1, save_dir=f'{data.parent}/out')
    path.write_text(json.dumps({**given, 'sizes': [300], 'gaps': [100], **more}))
    return str(path)


def test_data_is_recognised_and_split(data, tmp_path, capsys):
    argv = ['split', str(data), '--save-dir', str(tmp_path / 'out'), '--nproc', '1', '--save-ext', 'bmp']
    assert main([*argv, '--sizes', '200', '--gaps', '50', '--rates', '0.5', '1']) == 0
    said = capsys.readouterr().out
    assert 'data is dota' in said and '1 images in 11 tiles' in said and f'written: {tmp_path / "out"}' in said
    tiles = names(tmp_path / 'out/images')
    assert tiles == names(tmp_path / 'out/annfiles')
    assert {'P0__400__0___0', 'P0__400__100___0', 'P0__200__300___200'} <= set(tiles) and len(tiles) == 11


def test_a_json_file_and_what_the_line_says_first(data, tmp_path):
    assert main(['split', '--base-json', options(data, padding_value=[0], save_ext='.bmp')]) == 0
    assert names(tmp_path / 'out/images') == [f'P0__300__{x}___{y}' for x in (0, 200) for y in (0, 100)]
    argv = ['split', '--base-json', options(data), '--gaps', '0', '--save-dir', str(tmp_path / 'other')]
    assert main(argv) == 0
    assert names(tmp_path / 'other/annfiles') == [f'P0__300__{x}___{y}' for x in (0, 200) for y in (0, 100)]
    assert next((tmp_path / 'other/images').iterdir()).suffix == '.png'


def test_images_without_labels(data, tmp_path):
    assert main(['split', '--base-json', options(data, ann_dirs=None)]) == 0
    assert len(names(tmp_path / 'out/images')) == 4 and not names(tmp_path / 'out/annfiles')


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_the_configs_of_dota(path, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kind, part = path.stem.split('_')
    given = json.loads(path.read_text())
    assert set(given) == set(_DEFAULTS)
    for folder in ['train', 'val'] if part == 'trainval' else [part]:
        write_scene(tmp_path / 'data/DOTA' / folder, f'P_{folder}', (600, 500))
    monkeypatch.setattr(sys, 'argv', ['img_split.py', '--base-json', str(path), '--nproc', '1', '--save-ext', '.bmp'])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / 'tools/data/dota/split/img_split.py'), run_name='__main__')
    assert end.value.code == 0
    out = tmp_path / f'data/split_{dict(ss="1024", ms="ms")[kind]}_dota1_0' / part
    sizes = {name.split('__')[1] for name in names(out / 'images')}
    assert sizes == ({'1024'} if kind == 'ss' else {'682'})  # an image of 600 pixels fills too little of larger ones
    assert bool(names(out / 'annfiles')) == (part != 'test')


def test_all_configs_are_there():
    parts = ('test', 'train', 'trainval', 'val')
    assert [path.stem for path in CONFIGS] == [f'{kind}_{part}' for kind in ('ms', 'ss') for part in parts]


@pytest.mark.parametrize(
    ('argv', 'message'),
    [
        ([], '--save-dir is missing'),
        (['--save-dir', 'out'], 'which images? Give DATA'),
        (['--save-dir', 'out', '--img-dirs', 'a', 'b', '--ann-dirs', 'c'], 'got 1 for 2'),
        (['--save-dir', 'out', '--img-dirs', 'nowhere'], "no such folder img_dirs='nowhere'"),
        (['nowhere', '--save-dir', 'out'], 'nowhere'),
        (['nowhere', '--save-dir', 'out', '--img-dirs', 'a'], 'give one of them'),
        (['--save-dir', 'out', '--sizes', '100', '--gaps', '100'], 'gaps from 0 on and below their size'),
        (['--base-json', 'nowhere.json'], 'cannot read --base-json nowhere.json'),
    ],
)
def test_what_cannot_be_meant(argv, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(['split', *argv]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count('\n') == 1
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    ('option', 'message'),
    [
        (dict(size=[1024]), "no option 'size'; did you mean 'sizes'?"),
        (dict(sizes=1024), 'sizes must be a list of whole numbers, got 1024'),
        (dict(rates=['a']), "rates must be a list of numbers, got ['a']"),
        (dict(no_padding=1), 'no_padding must be true or false'),
        (dict(iof_thr='0.7'), "iof_thr must be a number, got '0.7'"),
        (dict(save_ext='.gif'), "got '.gif'"),
    ],
)
def test_what_a_json_file_cannot_say(data, option, message, capsys):
    assert main(['split', '--base-json', options(data, **option)]) == 1
    assert message in capsys.readouterr().err
