"""What surrounds a training: its folders are its own, and who stops it is told how to go on."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any, NoReturn

from mmengine.config import Config

from mmrotate.engine.checkpoint_hook import checkpoint_folder
from mmrotate.engine.distributed import rank_and_size
from mmrotate.utils import find_latest_checkpoint
from mmrotate.utils.lock import training_lock

TERMINATED = 128 + signal.SIGTERM  # exit code of a process that was asked to end, as shells give it


class _Terminated(KeyboardInterrupt):
    """SIGTERM: passes where Ctrl-C passes."""


def _folder(cfg: Config) -> Any:
    return checkpoint_folder(cfg.work_dir, (cfg.get('checkpoint_config') or {}).get('out_dir'))


@contextlib.contextmanager
def own_folders(cfg: Config) -> Iterator[None]:
    """Hold, on rank 0, the folders that a training writes into; raises a FolderInUseError where another does."""
    if rank_and_size()[0] > 0:
        yield
        return
    with training_lock(cfg.work_dir), training_lock(_folder(cfg)):
        yield


@contextlib.contextmanager
def told_how_to_resume(cfg: Config) -> Iterator[None]:
    """Give the KeyboardInterrupt of Ctrl-C a text that says how to go on; SIGTERM prints it and exits with 143."""
    try:
        with _heard_sigterm():
            yield
    except KeyboardInterrupt as error:
        checkpoint = find_latest_checkpoint(_folder(cfg))
        left = f'go on by --resume-from {checkpoint}' if checkpoint else 'there is no checkpoint yet to go on from'
        if not isinstance(error, _Terminated):
            raise KeyboardInterrupt(f'interrupted: {left}') from error
        if rank_and_size()[0] == 0:
            print(f'terminated: {left}', file=sys.stderr)
        raise SystemExit(TERMINATED) from error


@contextlib.contextmanager
def _heard_sigterm() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # Python hears signals in that one alone
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(number: int, frame: Any) -> NoReturn:
    raise _Terminated
