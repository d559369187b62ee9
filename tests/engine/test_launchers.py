import os
import subprocess
from pathlib import Path

import pytest

from mmrotate.engine import launchers
from mmrotate.engine.distributed import init_dist, leave_dist
from mmrotate.engine.launchers import first_host, name_processes
from mmrotate.utils import UserError
from tests.helpers.tiny import free_port

ROOT = Path(__file__).parents[2]
NAMES = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT')


@pytest.fixture
def nothing_set(monkeypatch):
    for name in os.environ:
        if name in NAMES or name.startswith(('SLURM_', 'OMPI_')):
            monkeypatch.delenv(name)
    for name in NAMES:  # so that they are removed afterwards
        monkeypatch.setenv(name, '')
        monkeypatch.delenv(name)
    return monkeypatch


def slurm(monkeypatch, **variables):
    for name, value in dict(PROCID='3', NTASKS='4', LOCALID='1', NODELIST='gpu[07-09,12],login', **variables).items():
        monkeypatch.setenv(f'SLURM_{name}', value)


def test_slurm_names_its_processes(nothing_set):
    slurm(nothing_set)
    name_processes('slurm', 29501)
    assert [os.environ[name] for name in NAMES] == ['3', '4', '1', 'gpu07', '29501']


def test_a_port_of_the_environment_stays_unless_one_is_given(nothing_set):
    slurm(nothing_set, STEP_NODELIST='b2')
    nothing_set.setenv('MASTER_PORT', '1234')
    name_processes('slurm')
    assert (os.environ['MASTER_ADDR'], os.environ['MASTER_PORT']) == ('b2', '1234')
    name_processes('slurm', 29502)
    assert os.environ['MASTER_PORT'] == '29502'


@pytest.mark.parametrize('launcher', ['pytorch', 'slurm', 'mpi'])
def test_a_process_of_no_launcher_is_told_how_to_start(nothing_set, launcher):
    with pytest.raises(UserError, match=f'--launcher {launcher}: .* is not set: start by'):
        init_dist(launcher)


def test_mpi_needs_an_address(nothing_set):
    for name, value in (('RANK', '0'), ('SIZE', '1'), ('LOCAL_RANK', '0')):
        nothing_set.setenv(f'OMPI_COMM_WORLD_{name}', value)
    with pytest.raises(UserError, match='MASTER_ADDR'):
        init_dist('mpi')


def test_a_process_of_slurm_joins_its_group(nothing_set):
    slurm(nothing_set)
    for name, value in dict(PROCID='0', NTASKS='1', LOCALID='0', NODELIST='127.0.0.1').items():
        nothing_set.setenv(f'SLURM_{name}', value)
    init_dist('slurm', 'nccl', port=int(free_port()))  # gloo without a GPU
    leave_dist()
    assert os.environ['RANK'] == '0'


@pytest.mark.parametrize(
    ('nodes', 'first'),
    [('gpu[07-09,12],login', 'gpu07'), ('a', 'a'), ('a,b', 'a'), ('n[3],m1', 'n3'), ('r1-gpu[01-02]-x', 'r1-gpu01-x')],
)
def test_first_host_without_the_commands_of_slurm(monkeypatch, nodes, first):
    def absent(*args, **kwargs):
        raise FileNotFoundError

    monkeypatch.setattr(launchers.subprocess, 'run', absent)
    assert first_host(nodes) == first


def test_a_port_that_torchrun_does_not_take_is_named(nothing_set, log):
    port = free_port()
    for name, value in zip(NAMES, ('0', '1', '0', '127.0.0.1', port), strict=True):
        nothing_set.setenv(name, value)
    init_dist('pytorch', 'gloo', port=1)
    leave_dist()
    assert f'dist_params.port=1 has no effect: torchrun meets at MASTER_PORT={port}' in log[-1].getMessage()


@pytest.mark.parametrize(('script', 'third'), [('train', '--work-dir=C'), ('test', 'C')])
def test_srun_is_called_as_documented(tmp_path, script, third):
    srun = tmp_path / 'srun'
    srun.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    srun.chmod(0o755)

    def called(*options, **variables):
        path = f'{tmp_path}:{os.environ["PATH"]}'
        return subprocess.run(
            ['sh', ROOT / f'tools/slurm_{script}.sh', 'dev', 'name', 'config.py', 'C', *options],
            env=dict(PATH=path, PYTHON='py', **variables), capture_output=True, text=True, check=True,
        ).stdout.splitlines()  # fmt: skip

    end = ['py', '-u', f'{ROOT}/tools/{script}.py', 'config.py', third, '--options', 'a b', '--launcher', 'slurm']
    assert called('--options', 'a b', GPUS='16', SRUN_ARGS='--nice=2 -v') == [
        '--partition=dev', '--job-name=name', '--gres=gpu:8', '--ntasks=16', '--ntasks-per-node=8',
        '--cpus-per-task=5', '--kill-on-bad-exit=1', '--nice=2', '-v', *end,
    ]  # fmt: skip
    assert called('--options', 'a b', GPUS='2', GRES='', CPUS_PER_TASK='1')[2:5] == [
        '--ntasks=2', '--ntasks-per-node=2', '--cpus-per-task=1'
    ]  # fmt: skip


@pytest.mark.parametrize('script', ['dist_train', 'dist_test', 'slurm_train', 'slurm_test'])
def test_too_few_arguments_show_the_usage(script):
    done = subprocess.run(['sh', ROOT / f'tools/{script}.sh', 'a'], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith('usage: ')
