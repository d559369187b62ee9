"""Files: those that a training left, names near a wrong one, and writing that leaves no half file behind."""

import difflib
import itertools
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def find_latest_checkpoint(path: str | Path, suffix: str = 'pth') -> str | None:
    """The checkpoint in a work directory to go on from: ``latest.pth``, else the one with the highest number.

    None if there is no checkpoint, or no such directory.
    """
    latest = Path(path, f'latest.{suffix}')
    if latest.is_file():  # a link whose target is gone is no file
        return str(latest)
    numbered = numbered_checkpoints(Path(path), 'epoch|iter', suffix)
    return str(numbered[-1][1]) if numbered else None


def numbered_checkpoints(folder: Path, kinds: str, suffix: str = 'pth') -> list[tuple[int, Path]]:
    """Number and path of the checkpoints ``KIND_NUMBER`` in ``folder``, sorted; ``kinds`` is a regular expression."""
    files = ((re.fullmatch(rf'(?:{kinds})_(\d+)', file.stem), file) for file in folder.glob(f'*.{suffix}'))
    return sorted((int(match[1]), file) for match, file in files if match)


def unused_stem(folder: Path, stem: str, suffix: str) -> str:
    """``stem``, or ``stem_2``, ... : the first for which ``folder`` has no file with ``suffix``."""
    names = itertools.chain([stem], (f'{stem}_{number}' for number in itertools.count(2)))
    return next(name for name in names if not (folder / f'{name}{suffix}').exists())


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name beside ``path`` to write under, which takes the place of ``path`` once all is written."""
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    temporary.unlink(missing_ok=True)
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def near_files(path: Path) -> str:
    """``': did you mean A, B?'`` from the files beside ``path``, or an empty string."""
    folder = path.parent
    if not folder.is_dir():
        return f' (nor does its folder {folder})'
    names = [file.name for file in folder.iterdir() if file.suffix == path.suffix]
    near = difflib.get_close_matches(path.name, names, n=3)
    return f': did you mean {", ".join(str(folder / name) for name in near)}?' if near else ''
