import json
import multiprocessing
import os
import signal
import socket

import pytest

from mmrotate.utils import lock
from mmrotate.utils.lock import LOCK_NAME, FolderInUseError, is_alive, remove_leftovers, training_lock


def hold(folder, pipe):
    with training_lock(folder):
        pipe.send(os.getpid())
        pipe.recv()


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock of ``tmp_path``."""
    context = multiprocessing.get_context('fork')
    ours, theirs = context.Pipe()
    process = context.Process(target=hold, args=(tmp_path, theirs))
    process.start()
    assert ours.recv() == process.pid
    yield process
    process.kill()
    process.join()


@pytest.fixture(params=['locks', 'no locks'])
def file_system(request, monkeypatch):
    if request.param == 'no locks':
        monkeypatch.setattr(lock, 'fcntl', None)


def test_a_second_process_is_refused_until_the_first_is_killed(tmp_path, file_system, holder):
    with pytest.raises(FolderInUseError) as refusal, training_lock(tmp_path):
        pass
    for part in (str(tmp_path), f'process {holder.pid} on {socket.gethostname()}', '--work-dir'):
        assert part in str(refusal.value)
    assert '\n' not in str(refusal.value)
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    with training_lock(tmp_path):
        assert json.loads((tmp_path / LOCK_NAME).read_text())['pid'] == os.getpid()
    assert (tmp_path / LOCK_NAME).read_text() == ''


def test_a_process_holds_a_folder_once_however_often_it_asks(tmp_path, file_system):
    with training_lock(tmp_path), training_lock(tmp_path / '.'):
        pass
    with training_lock(tmp_path):
        pass


def test_without_locks_another_computer_is_believed_and_an_earlier_process_of_the_same_number_is_not(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(lock, 'fcntl', None)
    path = tmp_path / LOCK_NAME
    path.write_text(json.dumps(dict(pid=1, host='elsewhere', start='1')))
    with pytest.raises(FolderInUseError, match=f'process 1 on elsewhere .*delete {path}'), training_lock(tmp_path):
        pass
    path.write_text(json.dumps(dict(pid=os.getpid(), host=socket.gethostname(), start='another')))
    with training_lock(tmp_path):
        pass
    path.write_text('{"pid": 1, "ho')  # killed while it wrote
    with training_lock(tmp_path):
        pass


def test_only_half_written_files_of_processes_that_are_gone_are_removed(tmp_path, holder):
    gone = 2**22 + 1  # beyond the largest number of a process
    assert not is_alive(gone)
    left = [tmp_path / f'.epoch_1.pth.{gone}.tmp', tmp_path / f'.latest.pth.{gone}.tmp']
    left[0].touch()
    left[1].symlink_to('epoch_1.pth')
    names = [f'.epoch_2.pth.{holder.pid}.tmp', f'.a.{os.getpid()}.tmp', '.other.tmp', f'b.{gone}.tmp', 'epoch_1.pth']
    for name in names:
        (tmp_path / name).touch()
    assert sorted(remove_leftovers(tmp_path)) == left
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names, LOCK_NAME])
