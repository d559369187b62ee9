"""The pages on data are tried as a new user would: every command is run, here or where its page is tested."""

import shlex
import shutil

import cv2
import numpy as np
import pytest

from mmrotate.cli import main
from tests.helpers.pages import HIT_UAV, ROOT, blocks, commands_of, make_project
from tests.helpers.scenes import write_scene

PAGES = {
    'data': 'here, tests/cli/test_check.py, tests/docs/test_split_images.py',
    'large_images': 'tests/docs/test_splitting.py',
    'evaluation': 'tests/docs/test_evaluation_page.py',
    'run_folder': 'tests/analysis/test_run_report.py',
}
ELSEWHERE = ('torchrun ',)  # tests/cli/test_infer_shared.py runs it on one machine
OTHERS = ('mmrotate check', 'mmrotate browse', 'mmrotate split')  # of docs/data.md, in their own tests
COMMANDS = [command for command, run in commands_of(ROOT / 'docs/data.md') if run and not command.startswith(OTHERS)]
# what makes a command quick, after its own options
SMALL = ['model.backbone.depth=18', 'model.backbone.init_cfg=None', 'model.neck.in_channels=[64,128,256,512]']
QUICK = {
    'train --data': ['--epochs', '1', '--img-scale', '96', '96', '--pretrained', 'none', '--no-report',
                     '--cfg-options', *SMALL, 'data.workers_per_gpu=0'],
    'train': ['--no-report', '--cfg-options', 'runner.max_epochs=1', 'data.workers_per_gpu=0', *SMALL,
              'data.train.pipeline.2.img_scale=(96,96)', 'data.val.pipeline.1.img_scale=(96,96)'],
    'test': ['--cfg-options', *SMALL, 'data.workers_per_gpu=0', 'data.test.pipeline.1.img_scale=(96,96)'],
    'infer': ['--options', *SMALL, 'data.test.pipeline.1.img_scale=(96,96)'],
    'convert': [],
}  # fmt: skip


@pytest.mark.parametrize('page', PAGES)
def test_every_command_is_run_by_a_test(page):
    commands = commands_of(ROOT / f'docs/{page}.md')
    assert [command for command, run in commands if not run and not command.startswith(ELSEWHERE)] == []


@pytest.fixture
def project(tmp_path, monkeypatch):
    make_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    shutil.copytree(HIT_UAV / 'images', tmp_path / 'data/drones/images')
    shutil.copytree(HIT_UAV / 'labelTxt', tmp_path / 'data/drones/labelTxt')
    for part in ('train', 'val'):
        write_scene(tmp_path / 'data/mine' / part, part, (96, 96), 4, ('plane', 'large-vehicle'))
        (tmp_path / 'data/mine' / part / 'labelTxt').rename(tmp_path / 'data/mine' / part / 'labels')
    cv2.imwrite(str(tmp_path / 'my_image.png'), np.zeros((96, 96, 3), np.uint8))
    (tmp_path / 'configs/mine').mkdir()
    config = next(code for code, *_ in blocks(ROOT / 'docs/data.md', 'python') if code.startswith('_base_'))
    (tmp_path / 'configs/mine/planes.py').write_text(config)
    return tmp_path


@pytest.mark.slow
def test_the_commands_of_the_page(project):
    assert len(COMMANDS) == 5
    for command in COMMANDS:
        words = shlex.split(command)[1:]
        kind = 'train --data' if '--data' in words else words[0]
        assert main([*words, *QUICK[kind]]) == 0, command
    made = ('work_dirs/planes/latest.pth', 'outputs/planes', 'outputs/one.png', 'outputs/yolo/data.yaml')
    assert all((project / name).exists() for name in made)
    assert list(project.glob('work_dirs/*drones/*_own.py'))
