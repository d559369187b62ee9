import gc
import os
import signal

import pytest
import torch
from mmengine.hooks import Hook

from mmrotate.engine.shortage import ShortageError, loaded, naming_shortages, shortage
from mmrotate.registry import HOOKS
from tests.helpers.tiny import train, write_config

WORKER = """Caught RuntimeError in DataLoader worker process 0.
Original Traceback (most recent call last):
  File "worker.py", line 308, in _worker_loop
RuntimeError: unable to write to file </torch_12_3_0>: No space left on device (28)"""
ERRORS = {
    'gpu': (torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB.'), 'GPU', 'samples_per_gpu'),
    'cublas': (RuntimeError('CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `f`'), 'GPU', 'samples_per_gpu'),
    'cpu': (
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: 8 bytes"),
        'machine has no memory',
        'samples_per_gpu',
    ),
    'python': (MemoryError(), 'machine has no memory', 'workers_per_gpu'),
    'fork': (OSError(12, 'Cannot allocate memory'), 'machine has no memory', 'workers_per_gpu'),
    'bus': (
        RuntimeError(
            'DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that dataloader workers are '
            'out of shared memory.'
        ),
        '/dev/shm',
        '--shm-size',
    ),
    'shm': (RuntimeError(WORKER), '/dev/shm', '--shm-size'),
    'killed': (RuntimeError('DataLoader worker (pid 7) is killed by signal: Killed. '), 'killed', 'workers_per_gpu'),
    'exited': (RuntimeError('DataLoader worker (pid(s) 7) exited unexpectedly'), 'killed', 'workers_per_gpu'),
    'files': (OSError(24, 'Too many open files'), 'files are open', 'ulimit'),
}


@pytest.mark.parametrize('name', ERRORS)
def test_what_the_machine_lacks_is_said_with_what_to_do(name):
    error, what, advice = ERRORS[name]
    with pytest.raises(ShortageError, match=what) as raised, naming_shortages():
        raise error
    assert advice in str(raised.value)
    assert '\n' not in str(raised.value)
    assert shortage(raised.value) == str(raised.value)


@pytest.mark.parametrize(
    'error', [ValueError('bad box'), RuntimeError('size mismatch'), OSError(28, 'No space left on device', '/x/a.pth')]
)
def test_other_errors_stay_as_they_are(error):
    assert shortage(error) is None
    with pytest.raises(type(error)) as raised, naming_shortages():
        raise error
    assert raised.value is error


@HOOKS.register_module(force=True)
class KillWorkerHook(Hook):
    """Kills a loading process at the first iteration."""

    def before_train_iter(self, runner, *args, **kwargs):
        for worker in torch.multiprocessing.active_children():
            os.kill(worker.pid, signal.SIGKILL)


def test_a_killed_loading_process_is_not_blamed_on_the_images(tmp_path):
    extra = "data['workers_per_gpu'] = 1\ncustom_hooks = [dict(type='KillWorkerHook')]"
    said = ''
    try:
        train(write_config(tmp_path, extra), tmp_path / 'run', '--no-validate')
    except ShortageError as error:
        said = str(error)
    # PyTorch watches the dead process until its loader is gone, and would blame the next test
    gc.collect()
    assert 'a process that loads images was killed' in said
    assert 'img' not in said.replace('img_scale', '')


def test_a_death_that_is_heard_of_late_is_named_too():
    def killed(signum, frame):
        raise RuntimeError('DataLoader worker (pid 7) is killed by signal: Killed.')

    def batches():
        yield 1
        signal.setitimer(signal.ITIMER_REAL, 0.02)  # the signal comes after the connection breaks
        raise ConnectionResetError(104, 'Connection reset by peer')

    before = signal.signal(signal.SIGALRM, killed)
    try:
        with pytest.raises(ShortageError, match='a process that loads images was killed') as raised:
            with naming_shortages():
                assert list(loaded(batches())) == [1]
        assert 'killed by signal' in str(raised.value)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_batch_too_large_is_not_blamed_on_the_images(tmp_path, monkeypatch):
    def fail(self, batch):
        raise torch.OutOfMemoryError('CUDA out of memory.')

    monkeypatch.setattr('mmrotate.engine.loops.TrainLoop._step', fail)
    with pytest.raises(ShortageError, match='the GPU has no memory left'):
        train(write_config(tmp_path), tmp_path / 'run', '--no-validate')
