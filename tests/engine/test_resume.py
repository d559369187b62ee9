import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.helpers.tiny import Broken, assert_same_weights, train, weights, write_config

BREAK = "custom_hooks = custom_hooks + [dict(type='BreakHook', at={})]"
VARIANTS = {
    'epochs': '',
    'workers': "data['workers_per_gpu'] = 2",
    'mid_epoch': 'checkpoint_config = dict(interval=2, by_epoch=False)',
    'mid_epoch_workers': ("checkpoint_config = dict(interval=2, by_epoch=False); data['workers_per_gpu'] = 2"),
    'iterations': ("runner = dict(type='IterBasedRunner', max_iters=8); checkpoint_config = dict(interval=2)"),
    'adam_bf16': "optimizer = dict(type='AdamW', lr=0.01); bf16 = True",
    'ema': "custom_hooks = custom_hooks + [dict(type='EMAHook', momentum=0.1)]",
    'ema_of_mmengine': "custom_hooks = custom_hooks + [dict(type='EMAHook', momentum=0.1, begin_iter=2)]",
    'ema_mid_epoch': (
        "custom_hooks = custom_hooks + [dict(type='ExpMomentumEMAHook', total_iter=3, interval=2, priority=49)]\n"
        'checkpoint_config = dict(interval=3, by_epoch=False)'
    ),
    'cyclic': (
        "lr_config = dict(policy='cyclic', target_ratio=(10, 0.1), step_ratio_up=0.4)\n"
        "momentum_config = dict(policy='cyclic', target_ratio=(0.8, 1), step_ratio_up=0.4)"
    ),
    'one_cycle': (
        "lr_config = dict(policy='OneCycle', max_lr=0.02, three_phase=True)\n"
        "momentum_config = dict(policy='OneCycle', pct_start=0.4)"
    ),
}


@pytest.mark.parametrize('name', VARIANTS)
def test_a_broken_and_resumed_run_ends_with_the_weights_of_an_unbroken_one(tmp_path, name):
    extra = VARIANTS[name]
    train(write_config(tmp_path, extra), tmp_path / 'whole', '--no-validate')
    with pytest.raises(Broken):
        broken = write_config(tmp_path, f'{extra}\n{BREAK.format(8)}')
        train(broken, tmp_path / 'broken', '--no-validate')
    before = weights(tmp_path / 'broken' / 'latest.pth')
    train(write_config(tmp_path, extra), tmp_path / 'broken', '--auto-resume', '--no-validate')
    assert_same_weights(tmp_path / 'whole' / 'latest.pth', tmp_path / 'broken' / 'latest.pth')
    after = weights(tmp_path / 'broken' / 'latest.pth')
    assert any((before[key] != after[key]).any() for key in after)


def test_the_augmentations_and_dropouts_depend_on_the_seed(tmp_path):
    config = write_config(tmp_path)
    train(config, tmp_path / 'a', '--no-validate')
    train(config, tmp_path / 'b', '--no-validate', '--seed', '8')
    with pytest.raises(AssertionError):
        assert_same_weights(tmp_path / 'a' / 'latest.pth', tmp_path / 'b' / 'latest.pth')


def test_evaluating_on_the_way_does_not_change_the_training(tmp_path):
    config = write_config(tmp_path)
    train(config, tmp_path / 'a', '--no-validate')
    train(config, tmp_path / 'b')
    assert_same_weights(tmp_path / 'a' / 'latest.pth', tmp_path / 'b' / 'latest.pth')


def test_the_seed_of_a_resumed_run_is_that_of_the_checkpoint(tmp_path):
    broken = write_config(tmp_path, f'seed = None\n{BREAK.format(5)}')
    with pytest.raises(Broken):
        train(broken, tmp_path / 'a', '--no-validate', '--seed', '123')
    config = write_config(tmp_path, 'seed = None')
    first = str(tmp_path / 'a' / 'epoch_1.pth')
    train(config, tmp_path / 'a', '--no-validate', '--resume-from', first)
    train(config, tmp_path / 'b', '--no-validate', '--seed', '123')
    assert_same_weights(tmp_path / 'a' / 'latest.pth', tmp_path / 'b' / 'latest.pth')


@pytest.mark.slow
@pytest.mark.parametrize('workers', [0, 2])
def test_a_killed_and_resumed_run_ends_with_the_weights_of_an_unbroken_one(tmp_path, workers):
    extra = f"data['workers_per_gpu'] = {workers}\nrunner = dict(max_epochs=6)\n"
    config = write_config(tmp_path, extra)
    train(config, tmp_path / 'whole', '--no-validate')
    killed = tmp_path / 'killed'
    for kill in KILLS:
        slow = write_config(tmp_path, extra + "custom_hooks = [dict(type='SlowHook')]")
        kill(_started(slow, killed), killed)
        assert not (killed / 'epoch_6.pth').exists()
    left = list(killed.glob('.*.tmp'))
    assert left  # of the one that was saving
    train(write_config(tmp_path, extra), killed, '--auto-resume', '--no-validate')
    assert_same_weights(tmp_path / 'whole' / 'latest.pth', killed / 'latest.pth')
    assert not any(path.exists() for path in left)


def _kill_at_a_random_moment(process, work_dir):
    _wait_for(process, work_dir, 'latest.pth')
    time.sleep(random.uniform(0, 0.5))
    _kill(process)


def _kill_while_it_saves(process, work_dir):
    _wait_for(process, work_dir, f'.epoch_*.pth.{process.pid}.tmp')
    _kill(process)


KILLS = (_kill_at_a_random_moment, _kill_while_it_saves)


def _wait_for(process, work_dir, pattern):
    deadline = time.monotonic() + 120
    while not any(work_dir.glob(pattern)):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)


def _kill(process):
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _started(config, work_dir):
    """A training in a process of its own, which goes on from the last checkpoint."""
    root = Path(__file__).parents[2]
    command = [sys.executable, '-m', 'mmrotate.cli.train', str(config), '--work-dir']
    return subprocess.Popen(
        [*command, str(work_dir), '--no-validate', '--auto-resume'],
        cwd=root,
        # sums round by the number of threads: the same as in this process
        env={**os.environ, 'PYTHONPATH': str(root), 'OMP_NUM_THREADS': str(torch.get_num_threads())},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # the data loader's workers are killed with it
    )
