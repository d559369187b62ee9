"""What was read from many label files, kept until one of them changes.

The cache is a folder, ``$XDG_CACHE_HOME/mmrotate/labels`` (``~/.cache/mmrotate/labels``); the environment variable
``MMROTATE_LABEL_CACHE`` names another one, or turns the cache off by ``off``. Nothing in it is unpickled.
"""

import functools
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import mmrotate
from mmrotate.ops.label_files import file_stamps
from mmrotate.utils import get_root_logger
from mmrotate.utils.array_file import map_arrays, save_arrays
from mmrotate.utils.files import WriteError

from .record import Reader

VARIABLE = 'MMROTATE_LABEL_CACHE'
LEAST_FILES = 1000  # fewer are soon read
_KEPT = 20  # data sets in the cache
_SUFFIX = '.labels'
_STAMPS = ('stamps', 'images', 'stamps of images')  # what is kept beside the arrays


class LabelCache(NamedTuple):
    """A file with arrays that were read from label files.

    Its name follows from the paths of the files and all that reading depends on: classes, angle version, the reader
    and the code of the formats. It holds the size and time of every file, and counts only while all are the same.
    """

    path: Path
    stamps: np.ndarray  # (files, 2) int64: size and time of the label files

    @classmethod
    def of(cls, images: Sequence[str], paths: Sequence[str], reader: Reader, settings: Any) -> 'LabelCache | None':
        """That of the label files of some images, as they are now; None if they are few, or nothing is to be kept.

        ``settings``, plain values, are what reading depends on beside the files and the reader.
        """
        folder, kind = cache_folder(), _kind_of(reader)
        if len(paths) < LEAST_FILES or folder is None or kind is None:
            return None
        here = '' if all(map(os.path.isabs, paths)) else os.getcwd()
        key = [kind, settings, mmrotate.__version__, _code_stamps(), here, paths, images]
        name = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]
        return cls(folder / f'{name}{_SUFFIX}', file_stamps(paths))

    def load(self) -> dict[str, np.ndarray] | None:
        """The arrays, if they are of the files as they are now."""
        try:
            arrays = map_arrays(self.path)
            own, images, stamps = (arrays.pop(key) for key in _STAMPS)
            fresh = np.array_equal(own, self.stamps) and np.array_equal(stamps, file_stamps(json.loads(bytes(images))))
            if fresh:
                os.utime(self.path)
            return arrays if fresh else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, arrays: Mapping[str, np.ndarray], images: Sequence[str]) -> None:
        """Keep arrays that depend on the sizes of some images too; where that is impossible the log says so."""
        listed = np.frombuffer(json.dumps(images).encode(), np.uint8)
        stamps = dict(zip(_STAMPS, (self.stamps, listed, file_stamps(images)), strict=True))
        try:
            save_arrays(self.path, {**arrays, **stamps})
            found = sorted(self.path.parent.glob(f'*{_SUFFIX}'), key=os.path.getmtime, reverse=True)
            for old in found[_KEPT:]:
                old.unlink(missing_ok=True)
            get_root_logger().info(f'labels are kept in {self.path} ({VARIABLE}=off turns that off)')
        except (WriteError, OSError) as error:
            get_root_logger().info(f'labels are not kept for the next start: {error}')


def cache_folder() -> Path | None:
    """Where the cache is; None if it is turned off."""
    own = os.environ.get(VARIABLE)
    if own is not None and own.lower() in ('', 'off', '0', 'none'):
        return None
    home = os.environ.get('XDG_CACHE_HOME') or Path('~', '.cache').expanduser()
    return Path(own).expanduser() if own else Path(home, 'mmrotate', 'labels')


def _kind_of(reader: Reader) -> str | None:
    """A name for a reader of this package, with the options that it was given; None for one from elsewhere."""
    options: dict = {}
    while isinstance(reader, functools.partial):
        if reader.args:
            return None
        options, reader = {**reader.keywords, **options}, reader.func
    name = f'{getattr(reader, "__module__", "")}.{getattr(reader, "__qualname__", "")}'
    plain = all(isinstance(value, str | int | float | None) for value in options.values())
    return f'{name} {sorted(options.items())}' if name.startswith('mmrotate.') and '<' not in name and plain else None


@functools.cache
def _code_stamps() -> list[list[int]]:
    """Size and time of the code of the formats: what other code made is made anew."""
    stamps: list[list[int]] = file_stamps(sorted(map(str, Path(__file__).parent.glob('*.py')))).tolist()
    return stamps
