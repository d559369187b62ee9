"""A user's file that imports from mmcv and mmdet trains and tests where they are not installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.configs import retinanet
from tests.helpers.tiny import CONFIG, write_data

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / 'tests/data/plugins'


@pytest.fixture
def config(tmp_path):
    write_data(tmp_path / 'data', count=2)
    model = retinanet('le90')
    model['backbone'] = dict(type='PlainNet', channels=[8, 16, 32, 64])
    assigner = dict(type='MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.4)
    assigner['iou_calculator'] = dict(type='RBboxOverlaps2D')
    extra = dict(type='HalfSquareLoss', loss_weight=0.1)
    model['bbox_head'].update(
        type='CarefulRetinaHead', num_classes=2, assigner=assigner, extra_loss=extra, loss_bbox=dict(extra)
    )
    text = CONFIG.format(data=str(tmp_path / 'data')).replace('tests.helpers.tiny', 'parts_of_0x')
    text = text.replace("dataset_type = 'DOTADataset'", "dataset_type = 'TwoClasses'")
    text = text.replace(
        "dict(type='LoadImageFromFile')", "dict(type='LoadImageFromFile'), dict(type='Dim', factor=0.5)"
    )
    text += f"""
model = {model!r}
runner = dict(type='EpochBasedRunner', max_epochs=1)
custom_hooks = [dict(type='CountingHook', word='the plugin called')]
"""
    path = tmp_path / 'plugin.py'
    path.write_text(text)
    return path


def run(code, cwd, *arguments):
    environment = {**os.environ, 'PYTHONPATH': f'{ROOT}{os.pathsep}{PLUGINS}', 'OMP_NUM_THREADS': '1'}
    command = [sys.executable, '-c', code, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_a_plugin_trains_and_tests(config, tmp_path):
    code = """
import sys
from mmrotate.cli import main
config, folder = sys.argv[1:]
main(['train', config, '--work-dir', folder])
sys.exit(main(['test', config, f'{folder}/latest.pth', '--eval', 'mAP']))
"""
    done = run(code, tmp_path, config, tmp_path / 'run')
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-3000:]
    assert 'the plugin called: backbone before_run dataset head loss step train_iter' in said
    assert 'loss_extra' in said and done.stdout.count('mAP') >= 2


def test_nothing_stands_in_unasked(tmp_path):
    done = run('import mmrotate, mmcv', tmp_path)
    assert "No module named 'mmcv'" in done.stderr
