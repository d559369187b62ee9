"""``mmrotate download``, and names of the zoo in the other commands."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from mmrotate.cli.main import main
from mmrotate.engine import load_config
from mmrotate.utils import load_state
from tests.helpers.server import publishing

SHIPPED = 'oriented_rcnn_r18_half_fpn_hit_uav_le90'
PUBLISHED = 'oriented_rcnn_r50_fpn_1x_dota_le90'
DATA = Path(__file__).parents[1] / 'data' / 'hit_uav'


@pytest.fixture
def published(tmp_path, monkeypatch):
    with publishing(PUBLISHED, tmp_path, monkeypatch) as server_and_file:
        yield server_and_file


def test_download_puts_config_and_weights_into_a_folder(published, tmp_path, capsys):
    folder, (server, file) = tmp_path / 'out', published
    for _ in range(2):  # what is there is no obstacle
        assert main(['download', PUBLISHED, '--dest', str(folder)]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        f'config: {folder}/{PUBLISHED}.py',
        f'checkpoint: {folder}/{file}',
    ]
    assert sorted(path.name for path in folder.iterdir()) == [f'{PUBLISHED}.py', file]
    assert load_config(folder / f'{PUBLISHED}.py').model == load_config(PUBLISHED).model
    assert load_state(folder / file)['state_dict']
    assert len(server.asked) == 1


def test_a_config_that_was_changed_is_not_overwritten(published, tmp_path, capsys):
    config = tmp_path / 'out' / f'{PUBLISHED}.py'
    config.parent.mkdir()
    config.write_text('mine = 1\n')
    assert main(['download', PUBLISHED, '--dest', str(config.parent)]) == 1
    assert 'with other values' in capsys.readouterr().err and config.read_text() == 'mine = 1\n'


def test_all_names_are_checked_before_the_first_is_fetched(published, capsys):
    assert main(['download', PUBLISHED, 'yolo']) == 1
    assert capsys.readouterr().err.startswith('error: the zoo has no config yolo')
    assert published[0].asked == []


def test_the_list_tells_what_is_at_hand(published, capsys):
    assert main(['list', '--json']) == 0
    assert json.loads(capsys.readouterr().out)[0]['checkpoint_file'] is None
    assert main(['download', PUBLISHED]) == 0
    checkpoint = capsys.readouterr().out.splitlines()[1].removeprefix('checkpoint: ')
    assert main(['list', '--json']) == 0
    row = json.loads(capsys.readouterr().out)[0]
    assert row['checkpoint_file'] == checkpoint and Path(row['config_file']).is_file()
    assert main(['list']) == 0
    assert '  cached  https://' in capsys.readouterr().out


def test_the_list_tells_what_is_shipped(capsys):
    assert main(['list', '--filter', SHIPPED]) == 0
    assert f'  shipped  demo/{SHIPPED}.pth' in capsys.readouterr().out


def test_infer_and_publish_take_names(tmp_path, monkeypatch):
    image = next(DATA.glob('images/*'))
    monkeypatch.chdir(tmp_path)
    assert main(['infer', str(image), SHIPPED, SHIPPED, '--json', 'found.json', '--device', 'cpu']) == 0
    assert json.loads(Path('found.json').read_text())['images'][0]['detections']
    assert main(['publish', SHIPPED, 'half.pth', '--half']) == 0
    (published,) = tmp_path.glob('half-*.pth')
    assert next(iter(load_state(published)['state_dict'].values())).dtype == torch.float16


def test_test_and_train_take_names(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    label = min(DATA.glob('labelTxt/*'))
    Path('labels').mkdir()
    shutil.copy(label, 'labels')
    keys = {'ann_file': 'labels/', 'img_prefix': f'{DATA}/images/'}
    places = [f'data.{part}.{key}={path}' for part in ('train', 'val', 'test') for key, path in keys.items()]
    options = ['--device', 'cpu', '--cfg-options', *places, 'data.workers_per_gpu=0', 'runner.max_epochs=1']
    assert main(['test', SHIPPED, SHIPPED, '--eval', 'mAP', *options]) == 0
    assert float(capsys.readouterr().out.split("'mAP': ")[1].rstrip('}\n')) > 0.3
    assert main(['train', SHIPPED, '--load-from', SHIPPED, '--no-validate', *options]) == 0
    assert Path(f'work_dirs/{SHIPPED}/latest.pth').exists()


def test_train_names_a_near_checkpoint(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(['train', SHIPPED, '--load-from', f'{SHIPPED[:-1]}']) == 1
    assert f'the zoo has {SHIPPED}' in capsys.readouterr().err
