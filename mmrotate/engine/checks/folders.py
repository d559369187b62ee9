"""Folders that results go into."""

from collections.abc import Iterator
from pathlib import Path

from mmrotate.utils.places import obstacle

from .findings import Finding


def writable(folder: str | Path, where: str) -> Iterator[Finding]:
    """Whether ``folder``, which stands at ``where``, is one that files can be written into, or can be made."""
    if (reason := obstacle(Path(folder))) is not None:
        yield Finding(f'{where}={str(folder)!r}: {reason}')
