"""Label files to arrays, and their sizes and times, by C++."""

import ctypes
import os
from collections.abc import Sequence

import numpy as np

from mmrotate.utils.native import library_function, threads


def read_label_files(
    paths: Sequence[str], names: Sequence[bytes], limit: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
    """Objects of label files whose lines are ``x1 y1 x2 y2 x3 y3 x4 y4 name [number]``.

    Lines that begin with ``imagesource:`` or ``gsd:`` are left out.

    Args:
        paths: the files.
        names: the names that there are, without blanks.
        limit: the largest sum of the values of a line, without their signs.

    Returns:
        Corners (n, 8), float32, indices of the names (n,) and the last numbers (n,), int64, and for each file how many
        of them are its own, (files,): -1 for a file that cannot be read or has any other line; of it there are none.
        None where the C++ library was not built.

    Raises:
        MemoryError: the objects do not fit into it.
    """
    function, joined = library_function('mmrotate_read_label_files'), _joined(paths)
    if function is None or joined is None:
        return None
    known, lengths = b''.join(names), np.array([len(name) for name in names], np.int64)
    counts = np.empty(len(paths), np.int64)
    function.restype = ctypes.c_void_p
    table = function(
        joined, ctypes.c_int64(len(paths)), known, _address(lengths), ctypes.c_int64(len(names)),
        ctypes.c_double(limit), threads(), _address(counts),
    )  # fmt: skip
    if table is None:
        raise MemoryError(f'the objects of {len(paths)} label files do not fit into memory')
    found = int(counts.clip(0).sum())
    arrays = np.empty((found, 8), np.float32), np.empty(found, np.int64), np.empty(found, np.int64)
    library_function('mmrotate_take_labels')(ctypes.c_void_p(table), *(_address(array) for array in arrays))
    return *arrays, counts


def file_stamps(paths: Sequence[str]) -> np.ndarray:
    """Size and time of change in nanoseconds of files (n, 2), int64; (-2, -2), as no file has, where there is none."""
    stamps = np.full((len(paths), 2), -2, np.int64)
    function, joined = library_function('mmrotate_file_stamps'), _joined(paths)
    if function is not None and joined is not None:
        if function(joined, ctypes.c_int64(len(paths)), threads(), _address(stamps)):
            raise MemoryError(f'{len(paths)} paths do not fit into memory')
        return stamps
    for i, path in enumerate(paths):
        try:
            found = os.stat(path)
        except (OSError, ValueError):
            continue
        stamps[i] = found.st_size, found.st_mtime_ns
    return stamps


def _joined(paths: Sequence[str]) -> bytes | None:
    """The paths with a zero behind each; None if there is one in a path, which no file has."""
    joined = '\0'.join([*paths, ''])
    return os.fsencode(joined) if joined.count('\0') == len(paths) else None


def _address(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
