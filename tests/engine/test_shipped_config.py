"""The config of the model that comes with the project, on eight of its images."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.tiny import assert_same_weights, train

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / 'configs/hit_uav/oriented_rcnn_r18_half_fpn_hit_uav_le90.py'
DATA = ROOT / 'tests/data/hit_uav'
OPTIONS = [
    '--no-validate',
    '--cfg-options',
    f'data.train.ann_file={DATA}/labelTxt/',
    f'data.train.img_prefix={DATA}/images/',
    'data.train.pipeline.2.img_scale=(320,256)',
    'data.samples_per_gpu=2',
    'data.workers_per_gpu=1',
    'runner.max_epochs=4',
    'device=cpu',
    'report=False',
]


def _checkpoints(work_dir: Path) -> int:
    return len(list(work_dir.glob('epoch_*.pth')))


def _killed(work_dir: Path) -> None:
    """Train in a process of its own, and kill it at a random moment after its next checkpoint."""
    command = [sys.executable, '-m', 'mmrotate.cli.train', str(CONFIG)]
    before = _checkpoints(work_dir)
    process = subprocess.Popen(
        [*command, '--work-dir', str(work_dir), '--auto-resume', *OPTIONS],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # the data loader's workers are killed with it
    )
    deadline = time.monotonic() + 240
    while _checkpoints(work_dir) == before:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(random.uniform(0, 1))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.slow
def test_killed_and_resumed_ends_with_the_weights_of_an_unbroken_run(tmp_path):
    train(CONFIG, tmp_path / 'whole', *OPTIONS)
    for _ in range(2):
        _killed(tmp_path / 'killed')
    train(CONFIG, tmp_path / 'killed', '--auto-resume', *OPTIONS)
    assert_same_weights(tmp_path / 'whole' / 'epoch_4.pth', tmp_path / 'killed' / 'epoch_4.pth')
