"""Files: those that a training left, names near a wrong one, and writing that leaves no half file behind."""

import difflib
import itertools
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmrotate.utils.errors import UserError


def find_latest_checkpoint(path: str | Path, suffix: str = 'pth') -> str | None:
    """The checkpoint in a work directory to go on from: ``latest.pth``, else the one with the highest number, else that
    which the file ``last_checkpoint`` names.

    None if there is no checkpoint, or no such directory.
    """
    latest = Path(path, f'latest.{suffix}')
    if latest.is_file():  # a link whose target is gone is no file
        return str(latest)
    numbered = numbered_files(Path(path), rf'(?:epoch|iter)_(\d+)\.{suffix}')
    if numbered:
        return str(numbered[-1][1])
    note = Path(path, 'last_checkpoint')  # of a training that names its checkpoints in its own way
    last = Path(path, Path(note.read_text()).name) if note.is_file() else note
    return str(last) if last.suffix == f'.{suffix}' and last.is_file() else None


def numbered_files(folder: Path, pattern: str) -> list[tuple[int, Path]]:
    """Number and path of the files in ``folder`` whose names match, sorted; the first group is the number."""
    files = ((re.fullmatch(pattern, file.name), file) for file in folder.glob('*'))
    return sorted((int(match[1]), file) for match, file in files if match)


def split_template(template: str) -> list[str] | None:
    """What stands before and after the number in a name such as ``epoch_{}.pth`` or ``model_{:03d}.pth``.

    None if it is no name of a file with one place for a number.
    """
    match = re.fullmatch(r'([^{}/]*)\{0?(?::\d*d?)?\}([^{}/]*)', template)
    return list(match.groups()) if match else None


def unused_stem(folder: Path, stem: str, suffix: str) -> str:
    """``stem``, or ``stem_2``, ... : the first for which ``folder`` has no file with ``suffix``."""
    names = itertools.chain([stem], (f'{stem}_{number}' for number in itertools.count(2)))
    return next(name for name in names if not (folder / f'{name}{suffix}').exists())


class WriteError(UserError, OSError):
    """A result that cannot be written; the message names the file and the reason."""

    __str__ = Exception.__str__


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name beside ``path`` to write under, which takes the place of ``path`` once all is written.

    Whatever fails, ``path`` is what it was before. Its folder is made. What is no regular file, such as /dev/stdout,
    cannot be replaced: it is given itself.

    Raises:
        WriteError: The system refuses: the disk is full, the folder may not be written to.
    """
    path = Path(path)
    with naming_errors(path):
        if path.exists() and not path.is_file():
            yield path
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
        temporary.unlink(missing_ok=True)
        try:
            yield temporary
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def is_temporary(path: Path) -> bool:
    """Whether a file has a name of :func:`replacing`, as one that a killed process left."""
    return re.fullmatch(r'\..+\.\d+\.tmp', path.name) is not None


def write_atomically(path: str | Path, content: str | bytes) -> None:
    """Write a file (text as UTF-8) through :func:`replacing`."""
    data = content.encode('utf-8') if isinstance(content, str) else content
    with replacing(Path(path)) as temporary:
        temporary.write_bytes(data)


def copy_atomically(source: str | Path, path: str | Path) -> None:
    """Copy a file through :func:`replacing`."""
    with replacing(Path(path)) as temporary:
        shutil.copyfile(source, temporary)


class NotFiniteError(UserError, ValueError):
    """Values with a number that JSON does not have."""


def write_json(path: str | Path, content: Any) -> None:
    """Write plain values as JSON; the file's folder is made. Numbers that are not finite are a NotFiniteError."""
    write_atomically(path, dump_json(path, content))


def dump_json(path: str | Path, content: Any) -> str:
    """Plain values as JSON for the file ``path``, which an error names."""
    try:
        return json.dumps(content, indent=1, allow_nan=False)
    except ValueError as error:
        raise NotFiniteError(f'{path} is not written: {error}') from error


@contextmanager
def naming_errors(path: Path) -> Iterator[None]:
    """Turn what the system says against writing ``path`` into a WriteError."""
    try:
        yield
    except UserError:
        raise
    except (OSError, RuntimeError) as error:
        if (refusal := _refusal(error)) is None:
            raise
        raise WriteError(f'cannot write {path}: {refusal.strerror or refusal}') from error


def _refusal(error: BaseException | None) -> OSError | None:
    """The system's error that ``error`` is or hides: torch.save covers it with an error of its archive."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error


def near_files(path: Path) -> str:
    """``': did you mean A, B?'`` from the files beside ``path``, or an empty string."""
    folder = path.parent
    if not folder.is_dir():
        return f' (nor does its folder {folder})'
    names = [file.name for file in folder.iterdir() if file.suffix == path.suffix]
    near = difflib.get_close_matches(path.name, names, n=3)
    return f': did you mean {", ".join(str(folder / name) for name in near)}?' if near else ''
