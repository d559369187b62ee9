import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mmrotate.engine.distributed import (
    gather_objects,
    init_dist,
    interleave,
    pick_device,
    rank_and_size,
    share_from_first,
)
from mmrotate.utils import UserError
from tests.helpers.tiny import assert_same_weights, weights, write_config

ROOT = Path(__file__).parents[2]
TRAIN = 'optimizer_config = dict(grad_clip=None)\n'


def test_without_a_group_there_is_one_process():
    assert rank_and_size() == (0, 1)
    assert gather_objects('a') == ['a']
    assert share_from_first('a') == 'a'
    init_dist('none')
    assert rank_and_size() == (0, 1)


def test_interleave_drops_the_padding():
    assert interleave([[0, 2, 4], [1, 3, 0]], 5) == [0, 1, 2, 3, 4]
    assert interleave([[0, 1]], 2) == [0, 1]


def test_a_launcher_that_did_not_launch_is_an_error(monkeypatch):
    monkeypatch.delenv('RANK', raising=False)
    with pytest.raises(UserError, match='torchrun'):
        init_dist('pytorch')
    with pytest.raises(UserError, match='unknown launcher'):
        init_dist('rocket')


def test_pick_device(monkeypatch):
    assert pick_device('cpu') == torch.device('cpu')
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    assert pick_device() == torch.device('cpu')
    with pytest.raises(UserError, match='no CUDA device'):
        pick_device('cuda:0')


def dist(script, *arguments):
    environment = {**os.environ, 'PYTHON': sys.executable, 'PORT': '0', 'OMP_NUM_THREADS': '1'}
    command = ['bash', str(ROOT / 'tools' / script), *map(str, arguments)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def scores(work_dir):
    return [json.loads(path.read_text())['metric'] for path in sorted(work_dir.glob('eval_*.json'))]


@pytest.mark.slow
def test_two_processes_train_together_and_score_as_one(tmp_path):
    config = write_config(tmp_path, TRAIN)
    out = dist('dist_train.sh', config, 2, '--work-dir', tmp_path / 'two')
    assert 'Distributed training: True' in out
    checkpoint = tmp_path / 'two' / 'latest.pth'
    assert weights(checkpoint)['conv.weight'].abs().sum() > 0
    log = next((tmp_path / 'two').glob('*.log')).read_text()
    assert log.count('saving checkpoint') == 3  # once per epoch, not once per process
    trained = float(log.rsplit('mAP: ', 1)[1].split()[0])

    dist('dist_test.sh', config, checkpoint, 2, '--eval', 'mAP', '--work-dir', tmp_path / 'a',
         '--out', tmp_path / 'two.json')  # fmt: skip
    from_one = [sys.executable, '-m', 'mmrotate.cli.test', str(config), str(checkpoint)]
    options = ['--eval', 'mAP', '--work-dir', str(tmp_path / 'b'), '--out', tmp_path / 'one.json']
    subprocess.run(
        [*from_one, *options], cwd=ROOT, check=True, stdout=subprocess.DEVNULL,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
    )  # fmt: skip
    assert (tmp_path / 'two.json').read_text() == (tmp_path / 'one.json').read_text()
    assert scores(tmp_path / 'a') == scores(tmp_path / 'b')
    assert scores(tmp_path / 'a')[0]['mAP'] == pytest.approx(trained, abs=1e-4)


@pytest.mark.slow
def test_two_processes_resume_exactly(tmp_path):
    config = write_config(tmp_path, TRAIN)
    dist('dist_train.sh', config, 2, '--work-dir', tmp_path / 'a', '--no-validate')
    first = tmp_path / 'a' / 'epoch_1.pth'
    dist('dist_train.sh', config, 2, '--work-dir', tmp_path / 'b', '--no-validate',
         '--resume-from', first)  # fmt: skip
    assert_same_weights(tmp_path / 'a' / 'latest.pth', tmp_path / 'b' / 'latest.pth')
