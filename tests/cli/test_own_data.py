"""``mmrotate train NAME --data DATA``, and ``test``, from the command line."""

import shutil
from pathlib import Path

import pytest

from mmrotate.cli import main
from tests.helpers.tiny import assert_same_weights

SAMPLES = Path(__file__).parents[1] / 'data' / 'hit_uav'
NAME = 'oriented_rcnn_r18_half_fpn_hit_uav_le90'
SMALL = ['--img-scale', '96', '80', '--device', 'cpu', '--seed', '0', '--no-report', '--no-validate', '--cfg-options']
SMALL += ['data.workers_per_gpu=0', 'bf16=False', 'log_config.interval=1']


@pytest.fixture
def data(tmp_path):
    for folder in ('images', 'labelTxt'):
        (tmp_path / 'own' / folder).mkdir(parents=True)
        for path in sorted((SAMPLES / folder).iterdir())[:4]:
            shutil.copy(path, tmp_path / 'own' / folder)
    return tmp_path / 'own'


def test_one_command_trains_and_what_it_writes_trains_the_same(data, tmp_path, capsys):
    work = tmp_path / 'work'
    assert main(['train', NAME, '--data', str(data), '--work-dir', str(work), '--epochs', '1', *SMALL]) == 0
    said = capsys.readouterr().out
    assert 'num_classes: ' in said and 'image size: 96 x 96' not in said and 'image size: 96 x 80, as asked for' in said
    config = work / f'{NAME}_own.py'
    assert str(config) in said
    again = ['train', str(config), '--work-dir', str(tmp_path / 'again'), *SMALL[3:]]
    assert main(again) == 0
    assert_same_weights(work / 'epoch_1.pth', tmp_path / 'again' / 'epoch_1.pth')
    test = ['test', str(config), str(work / 'epoch_1.pth'), '--data', str(data), '--eval', 'mAP', '--device', 'cpu']
    assert main([*test, '--cfg-options', 'data.workers_per_gpu=0']) == 0
    assert 'tested on: all' in capsys.readouterr().out


def test_what_belongs_to_the_data_needs_it(capsys):
    assert main(['train', NAME, '--epochs', '3']) == 1
    assert '--epochs belongs to --data' in capsys.readouterr().err
    assert main(['train', NAME, '--data', 'no/such/folder', '--work-dir', 'unused']) == 1
    assert 'no/such/folder' in capsys.readouterr().err
    assert not Path('unused').exists()
