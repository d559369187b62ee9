"""Where outputs go: over no input, no two to one place, and only where something can be written."""

import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

from mmrotate.utils.errors import UserError

Output = tuple[str, Path]  # what a message calls it ('--json'), and where it goes


def check_outputs(files: Iterable[Output], inputs: Iterable[str | Path], folders: Iterable[Output] = ()) -> None:
    """Refuse outputs that would do harm or fail, before anything runs. Links, hard ones too, are seen through.

    Args:
        files: Files that will be written.
        inputs: Files that are read; those that do not exist are no matter.
        folders: Folders that files will be written into.

    Raises:
        UserError: An output is an input or another output, or it cannot be written.
    """
    taken = {_identity(Path(path)): f'{path}, which is read' for path in inputs}
    for name, path in folders:
        if path.exists() and not path.is_dir():
            raise UserError(f'{name} {path} is a file: a folder is needed')
        _check_room(name, path, path)
        taken.setdefault(_identity(path), f'the folder of {name}')
    writable = {path for _, path in folders}
    for name, path in files:
        identity = _identity(path)
        if identity is not None and identity in taken:
            raise UserError(f'{name} {path} would overwrite {taken[identity]}: name another file')
        if path.is_dir():
            raise UserError(f'{name} {path} is a folder: a file is needed')
        # a device takes what it is given, whatever stands beside it
        if identity is not None and path.parent not in writable:
            _check_room(name, path, path.parent)
            writable.add(path.parent)
        taken[identity] = f'what {name} writes'


def _check_room(name: str, output: Path, folder: Path) -> None:
    if (reason := obstacle(folder)) is not None:
        raise UserError(f'{name} {output} cannot be written: {reason}')


def obstacle(folder: Path) -> str | None:
    """Why no file can be put into a folder, or into one that would be made there; None if one can.

    Permissions do not tell: root has all of them, and still no file can be made in /proc or in a folder that is set
    immutable. So one without a name is made.
    """
    try:
        existing = next(part for part in (folder, *folder.absolute().parents) if os.path.lexists(part))
        if not existing.is_dir():
            return f'{existing} is no folder'
        with tempfile.TemporaryFile(dir=existing):
            return None
    except PermissionError:
        return f'no permission to write into {existing}'
    except OSError as error:
        return f'no file can be made in {existing}: {error.strerror}'


def _identity(path: Path) -> tuple[int, int] | str | None:
    """What two names of one file share; None for a device, which may be named twice."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return os.path.realpath(path)
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        return None
    return found.st_dev, found.st_ino
