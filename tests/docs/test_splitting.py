"""docs/data.md, large images: the commands run, and the config trains on scenes that are not split."""

import shlex

import pytest

from mmrotate.cli import main
from mmrotate.datasets import build_dataset
from mmrotate.engine import load_config
from tests.helpers.pages import ROOT, commands_of, make_project, write_files
from tests.helpers.scenes import write_scene

PAGE = ROOT / 'docs/data.md'
COMMANDS = [command for command, marked in commands_of(PAGE) if marked and command.startswith('mmrotate split')]


@pytest.fixture
def project(tmp_path, monkeypatch):
    make_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    write_scene(tmp_path / 'data/scenes', 'P0', (1300, 1100), decimals=0)
    for part in ('train', 'val', 'test'):
        write_scene(tmp_path / 'data/DOTA' / part, f'P_{part}', (1200, 1000), decimals=0)
    return tmp_path


def test_commands_and_config(project):
    assert len(COMMANDS) == 3
    for command in COMMANDS:
        assert main(shlex.split(command)[1:]) == 0
    assert len(list(project.glob('data/tiles/images/*.png'))) == len(list(project.glob('data/tiles/annfiles/*'))) == 4
    assert list(project.glob('data/split_1024_dota1_0/train/annfiles/*.txt'))
    assert list(project.glob('data/split_1024_dota1_0/test/images/*.png'))
    # the page says: the same tiles with the same objects
    assert 'configs/mine/scenes.py' in write_files(PAGE, project)
    cfg = load_config('configs/mine/scenes.py')
    dataset = build_dataset(cfg.data.train)
    tiles = {path.stem for path in project.glob('data/tiles/annfiles/*') if path.read_text()}
    assert {dataset.image_name(i).removesuffix('.png') for i in range(len(dataset))} == tiles
    assert dataset[0]['img'].shape == (3, 1024, 1024)


def test_the_config_of_dota(project):
    cfg = load_config('configs/_base_/datasets/dotav1_large_le90.py')
    assert len(build_dataset(cfg.data.train)) == len(build_dataset(cfg.data.val, dict(test_mode=True))) == 2
