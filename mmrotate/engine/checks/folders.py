"""Folders that results go into."""

import os
from collections.abc import Iterator
from pathlib import Path

from .findings import Finding


def writable(folder: str | Path, where: str) -> Iterator[Finding]:
    """Whether ``folder``, which stands at ``where``, is one that files can be written into, or can be made."""
    place = Path(folder).absolute()
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    if not place.is_dir():
        yield Finding(f'{where}={str(folder)!r}: {place} is no folder')
    elif not os.access(place, os.W_OK | os.X_OK):
        yield Finding(f'{where}={str(folder)!r}: no permission to write into {place}')
