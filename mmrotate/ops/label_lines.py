"""Lines of label files to arrays, by C++."""

import ctypes
from collections.abc import Sequence

import numpy as np

from .backend import library_function


def parse_label_lines(
    contents: Sequence[bytes], names: Sequence[bytes], limit: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
    """Objects of label files whose lines are ``x1 y1 x2 y2 x3 y3 x4 y4 name [number]``.

    Lines that begin with ``imagesource:`` or ``gsd:`` are left out.

    Args:
        contents: the files.
        names: the names that there are, without blanks.
        limit: the largest sum of the values of a line, without their signs.

    Returns:
        Values (n, 8), float64, indices of the names (n,) and the last numbers (n,), int64, and for each file how many
        of them are its own, (files,): -1 for a file with any other line, of which there are none. None where the C++
        library was not built.
    """
    if (function := library_function('mmrotate_parse_label_lines')) is None:
        return None
    text, known = b''.join(contents), b''.join(names)
    sizes = np.array([len(content) for content in contents], np.int64)
    lengths = np.array([len(name) for name in names], np.int64)
    rows = text.count(b'\n') + len(contents)
    values, classes, numbers = np.empty((rows, 8)), np.empty(rows, np.int64), np.empty(rows, np.int64)
    counts = np.empty(len(contents), np.int64)
    arrays = [sizes, lengths, values, classes, numbers, counts]
    sizes_p, lengths_p, *out = (ctypes.c_void_p(array.ctypes.data) for array in arrays)
    function.restype = ctypes.c_int64
    count = function(
        text, sizes_p, ctypes.c_int64(len(contents)), known, lengths_p, ctypes.c_int64(len(names)),
        ctypes.c_double(limit), *out,
    )  # fmt: skip
    return values[:count], classes[:count], numbers[:count], counts
