import functools
import os
import signal
import subprocess
import sys
import time

import pytest

from mmrotate.utils import UserError
from mmrotate.utils.journal import Failure
from mmrotate.utils.pool import WorkerError, work_on


def square(item, folder=None):
    if folder is not None:
        (folder / f'{item}.{os.getpid()}').touch()
    return item * item


def fail(item):
    if item == 3:
        raise UserError('three is no good')
    return item


def die(item):
    if item == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    if item == 5:
        os._exit(7)
    return item


def break_down(item):
    return 1 // item


def wait_long(item, folder):
    try:
        (folder / 'begun').touch()
        time.sleep(60)
    finally:
        (folder / 'tidied').touch()


@pytest.mark.parametrize('processes', [1, 2, 5])
def test_every_item_comes_once(processes, tmp_path):
    found = dict(work_on(functools.partial(square, folder=tmp_path), enumerate(range(10, 20)), processes))
    assert found == {i: (i + 10) ** 2 for i in range(10)}
    pids = {path.suffix for path in tmp_path.iterdir()}
    assert len(list(tmp_path.iterdir())) == 10 and 1 <= len(pids) <= processes
    assert (f'.{os.getpid()}' in pids) == (processes == 1)


@pytest.mark.parametrize('processes', [1, 2])
def test_what_the_user_can_mend_is_a_failure_of_its_item(processes):
    items = [(0, 1), (1, Failure('no label')), (2, 3), (3, 4)]
    found = dict(work_on(fail, items, processes))
    assert found == {0: 1, 1: 'no label', 2: 'three is no good', 3: 4}
    assert isinstance(found[1], Failure) and isinstance(found[2], Failure)


def test_a_dead_process_is_named_and_the_rest_goes_on():
    found = dict(work_on(die, enumerate(range(8)), 2))
    assert {i: v for i, v in found.items() if i not in (2, 5)} == {i: i for i in (0, 1, 3, 4, 6, 7)}
    assert isinstance(found[2], Failure) and 'was killed by SIGKILL (was the memory used up?' in found[2]
    assert isinstance(found[5], Failure) and 'ended with the exit code 7' in found[5]


def test_a_fault_of_the_program_ends_the_work():
    with pytest.raises(WorkerError, match='ZeroDivisionError'):
        list(work_on(break_down, [(0, 1), (1, 0), (2, 1)], 2))


def test_items_are_taken_one_for_each_process():
    taken = []

    def items():
        for i in range(20):
            taken.append(i)
            yield i, i

    results = work_on(square, items(), 2)
    next(results)
    assert len(taken) <= 4
    results.close()


def test_closing_lets_processes_tidy_up(tmp_path):
    results = work_on(functools.partial(wait_long, folder=tmp_path), [(0, 0), (1, Failure(''))], 2)
    assert next(results) == (1, '')
    while not (tmp_path / 'begun').exists():
        time.sleep(0.01)
    results.close()
    assert (tmp_path / 'tidied').exists()


ORPHANS = """
import os, sys
from tests.utils.test_pool import note
from mmrotate.utils.pool import work_on
results = work_on(note, enumerate([sys.argv[1]] * 4), 2)
next(results)
os._exit(0)
"""


def note(folder):
    with open(os.path.join(folder, str(os.getpid())), 'w'):
        return folder


def test_processes_end_with_their_parent(tmp_path):
    subprocess.run([sys.executable, '-c', ORPHANS, str(tmp_path)], check=True)
    left = {int(path.name) for path in tmp_path.iterdir()}
    assert left
    end = time.time() + 10
    while left and time.time() < end:
        time.sleep(0.05)
        left = {pid for pid in left if os.path.exists(f'/proc/{pid}') and 'Z' not in state(pid)}
    assert not left


def state(pid):
    try:
        with open(f'/proc/{pid}/stat') as file:
            return file.read().rpartition(')')[2].split()[0]
    except OSError:
        return 'Z'
