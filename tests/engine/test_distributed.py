import datetime
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch.distributed import HashStore

from mmrotate.cli.test import main as run_test
from mmrotate.engine import distributed
from mmrotate.engine.distributed import (
    _waiting_group,
    gather_objects,
    init_dist,
    interleave,
    leave_dist,
    pick_device,
    rank_and_size,
    share_from_first,
)
from mmrotate.utils import UserError, load_state
from tests.helpers.tiny import assert_same_weights, free_port, write_config

ROOT = Path(__file__).parents[2]


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


def test_a_process_without_a_gpu_of_its_own_is_told_so(monkeypatch):
    for name, value in dict(RANK=1, LOCAL_RANK=1, WORLD_SIZE=2, MASTER_ADDR='localhost', MASTER_PORT=1).items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 1)
    for backend in ('nccl', 'gloo'):
        with pytest.raises(UserError, match='process 2 of this machine has no GPU: 1 are visible'):
            init_dist('pytorch', backend)


def test_the_timeout_is_in_seconds(monkeypatch):
    environment = dict(RANK='0', WORLD_SIZE='1', LOCAL_RANK='0', MASTER_ADDR='127.0.0.1', MASTER_PORT=free_port())
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for timeout in (60, datetime.timedelta(seconds=60), None):
        init_dist('pytorch', 'gloo', timeout=timeout)
        try:
            assert torch.distributed.is_initialized()
            _waiting_group(torch.distributed.group.WORLD)
        finally:
            leave_dist()
        assert not torch.distributed.is_initialized()
        assert _waiting_group.cache_info().currsize == 0


def test_pick_device(monkeypatch):
    assert pick_device('cpu') == torch.device('cpu')
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    assert pick_device() == torch.device('cpu')
    with pytest.raises(UserError, match='no CUDA device'):
        pick_device('cuda:0')


def start(script, *arguments, **variables):
    environment = {**os.environ, 'PYTHON': sys.executable, 'PORT': free_port(), 'OMP_NUM_THREADS': '1', **variables}
    # sh: dash on Debian, as the documents call the scripts
    command = ['sh', str(ROOT / 'tools' / script), *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finish(process):
    out = process.communicate(timeout=300)[0]
    assert process.returncode == 0, out[-3000:]
    return out


def dist(script, *arguments, **variables):
    return finish(start(script, *arguments, **variables))


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Work directory of a training in two processes."""
    folder = tmp_path_factory.mktemp('two')
    config = write_config(folder)
    out = dist('dist_train.sh', config, 2, '--work-dir', folder / 'work')
    assert 'Distributed training: True' in out
    return folder


def score(folder):
    return json.loads(next(folder.glob('eval_*.json')).read_text())['metric']['mAP']


@pytest.mark.slow
def test_two_processes_score_as_one(trained):
    log = next((trained / 'work').glob('*.log')).read_text()
    assert log.count('saving checkpoint') == 3  # once per epoch, not once per process
    on_the_way = float(log.rsplit('mAP: ', 1)[1].split()[0])
    config, checkpoint = trained / 'tiny.py', trained / 'work' / 'latest.pth'
    argv = [str(config), str(checkpoint), '--eval', 'mAP', '--work-dir', str(trained / 'one')]
    assert run_test([*argv, '--out', str(trained / 'one.json')]) == 0
    dist('dist_test.sh', config, checkpoint, 2, '--eval', 'mAP', '--work-dir', trained / 'two',
         '--out', trained / 'two.json')  # fmt: skip
    assert (trained / 'two.json').read_text() == (trained / 'one.json').read_text()
    assert score(trained / 'two') == score(trained / 'one')
    assert score(trained / 'one') == pytest.approx(on_the_way, abs=1e-4)
    assert on_the_way > 0


@pytest.mark.slow
def test_two_processes_resume_exactly(trained):
    first = trained / 'work' / 'epoch_1.pth'
    dist('dist_train.sh', trained / 'tiny.py', 2, '--work-dir', trained / 'again', '--no-validate',
         '--resume-from', first)  # fmt: skip
    assert_same_weights(trained / 'work' / 'latest.pth', trained / 'again' / 'latest.pth')


def noted(folder, name, *hooks):
    """Statistics and averages of the processes after each epoch of a training with these hooks; and its folder."""
    kinds = ['EMAHook', 'MeanNoteHook', *hooks]
    options = [f'custom_hooks.{i}.type={kind}' for i, kind in enumerate(kinds)]
    options += ['custom_hooks.0.momentum=0.3', f'custom_hooks.1.path={folder / name}.jsonl']
    extra = f'custom_hooks = [{", ".join(["dict()"] * len(kinds))}]'
    config = folder / f'{name}.py'
    config.write_text((folder / 'tiny.py').read_text() + extra)
    first = ['--resume-from', folder / 'synced/epoch_2.pth'] if name == 'resumed' else []
    dist('dist_train.sh', config, 2, '--work-dir', folder / name, '--no-validate', *first, '--cfg-options', *options)
    lines = [json.loads(line) for line in (folder / f'{name}.jsonl').read_text().splitlines()]
    return [list(zip(*line, strict=True)) for line in lines], folder / name


@pytest.mark.slow
def test_averages_of_two_processes(trained):
    notes, work = noted(trained, 'synced', 'SyncNormHook')
    for (one, two), (average, other) in notes:
        assert one == two and average == other
    saved = load_state(work / 'epoch_3.pth')
    assert saved['state_dict']['bbox_head.weight'].flatten().tolist() == notes[-1][1][0], 'the average is saved'
    assert saved['state_dict']['bn.running_mean'].tolist() == notes[-1][0][0]
    assert not torch.equal(saved['ema_state_dict']['module.bbox_head.weight'], saved['state_dict']['bbox_head.weight'])
    noted(trained, 'resumed', 'SyncNormHook')
    assert_same_weights(work / 'epoch_3.pth', trained / 'resumed/epoch_3.pth')
    (((one, two), (average, other)), *_), _ = noted(trained, 'apart')
    assert one != two and average == other


@pytest.mark.slow
def test_two_machines_meet(trained):
    # NNODES=1:2 would start with one, 2:2 is the elastic way to two
    for number, nodes in enumerate(('2', '2:2')):
        work, port = trained / f'machines{number}', free_port()
        machines = [
            start('dist_train.sh', trained / 'tiny.py', 1, '--work-dir', work, '--no-validate',
                  NNODES=nodes, NODE_RANK=str(rank), PORT=port)
            for rank in range(2)
        ]  # fmt: skip
        assert 'Distributed training: True' in ''.join(map(finish, machines))
        assert_same_weights(trained / 'work' / 'latest.pth', work / 'latest.pth')


@pytest.mark.slow
def test_a_process_that_dies_is_started_anew(trained):
    # after the second epoch's first iteration: epoch_1.pth is there
    values = dict(type='DieHook', at=3, rank=1, marker=trained / 'died')
    hook = [f'custom_hooks.0.{key}={value}' for key, value in values.items()]
    out = dist('dist_train.sh', trained / 'tiny.py', 2, '--work-dir', trained / 'elastic', '--no-validate',
               '--auto-resume', '--cfg-options', *hook, MAX_RESTARTS='1')  # fmt: skip
    assert (trained / 'died').exists()
    assert 'resumed' in out
    assert_same_weights(trained / 'work' / 'latest.pth', trained / 'elastic' / 'latest.pth')


def test_processes_of_a_start_agree_on_a_name_that_no_earlier_start_has():
    store = HashStore()
    store.set('here 1', 'of a dead one')
    with ThreadPoolExecutor(3) as pool:
        starts = [set(pool.map(lambda rank: distributed._agree(store, rank, 3), range(3))) for _ in range(2)]
        fewer = set(pool.map(lambda rank: distributed._agree(store, rank, 2), range(2)))
    assert [len(names) for names in (*starts, fewer)] == [1, 1, 1]
    assert len(set.union(*starts, fewer)) == 3
