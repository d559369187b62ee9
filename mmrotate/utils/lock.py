"""One training at a time in a folder, and what killed ones left there."""

import contextlib
import errno
import json
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmrotate.utils.errors import UserError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK_NAME = '.training.lock'
_held: set[Path] = set()  # folders that this process holds


class FolderInUseError(UserError):
    """Another training writes into the folder."""


@contextlib.contextmanager
def training_lock(folder: str | Path) -> Iterator[None]:
    """Hold ``folder`` for the training of this process; inside of itself it does nothing.

    The system's lock on a file ends with the process, however that ends. Where the file system has no locks, the file
    says who holds it, and a process of this computer that is gone holds nothing.

    Raises:
        FolderInUseError: Another process holds it.
    """
    folder = Path(folder).resolve()
    if folder in _held:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK_NAME
    with path.open('a+', encoding='utf-8') as file:
        _claim(file, path)
        _held.add(folder)
        try:
            yield
        finally:
            _held.remove(folder)
            file.truncate(0)


def _claim(file: Any, path: Path) -> None:
    file.seek(0)
    owner = _owner(file.read())
    taken = try_lock(file)
    if taken is None:
        taken = bool(owner) and not _is_gone(owner)
    if taken:
        who = 'process {pid} on {host}'.format(**owner) if owner else 'another process'
        way_out = 'wait for its end, or choose another folder by --work-dir'
        if owner.get('host') != socket.gethostname():
            way_out += f' (if it is gone, delete {path})'
        raise FolderInUseError(f'{path.parent} is in use: {who} trains there; {way_out}')
    file.truncate(0)
    json.dump(dict(pid=os.getpid(), host=socket.gethostname(), start=_start(os.getpid())), file)
    file.flush()


def try_lock(file: Any) -> bool | None:
    """Whether another process holds the lock of ``file``, else it is ours now; None where there are no locks."""
    if fcntl is None:
        return None
    try:
        # not flock: children, such as the data loader's workers, would hold it on after the training was killed
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return True if error.errno in (errno.EACCES, errno.EAGAIN) else None
    return False


def _owner(text: str) -> dict[str, Any]:
    """Who wrote the lock file; empty where nobody did, or only in part."""
    try:
        owner = json.loads(text)
    except ValueError:
        return {}
    known = isinstance(owner, dict) and isinstance(owner.get('pid'), int) and 'host' in owner
    return owner if known else {}


def _is_gone(owner: dict[str, Any]) -> bool:
    if owner['host'] != socket.gethostname():
        return False  # nobody here knows
    # its number may be that of a later process
    return not is_alive(owner['pid']) or owner.get('start') != _start(owner['pid'])


def is_alive(pid: int) -> bool:
    """Whether a process of this computer has the number ``pid``; True where that cannot be seen."""
    if os.name != 'posix':
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _start(pid: int) -> str | None:
    """When a process began, in the system's own count; None where it does not say."""
    try:
        # the name before the last bracket may hold spaces
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[19]
    except (OSError, IndexError):
        return None


def remove_leftovers(folder: Path) -> list[Path]:
    """Delete what killed processes of this computer left half written, see ``replacing``; gives the paths."""
    left = []
    for path in folder.glob('.*.tmp'):
        match = re.fullmatch(r'\..+\.(\d+)\.tmp', path.name)
        if match and (path.is_file() or path.is_symlink()) and not is_alive(int(match[1])):
            path.unlink(missing_ok=True)
            left.append(path)
    return left
