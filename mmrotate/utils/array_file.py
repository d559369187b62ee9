"""Arrays by name in one file that is mapped into memory: what is not asked for is not read."""

import json
import mmap
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .files import replacing

_START = b'mmrotate arrays\n'
_ALIGNED = 64  # bytes that an array's place is a multiple of


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays of numbers; a WriteError says what is against it."""
    end, rows = 0, []
    for name, array in arrays.items():
        rows.append([name, array.dtype.str, array.shape, end])
        end += -(-array.nbytes // _ALIGNED) * _ALIGNED
    header = _START + json.dumps({'bytes': end, 'arrays': rows}).encode()
    header += b' ' * (-(len(header) + 1) % _ALIGNED) + b'\n'
    with replacing(path) as temporary, temporary.open('wb') as file:
        file.write(header)
        for array in arrays.values():
            file.write(np.ascontiguousarray(array).data.cast('B') if array.size else b'')
            file.write(b'\0' * (-array.nbytes % _ALIGNED))


def map_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file; what is written to them stays in memory.

    Raises:
        OSError: there is no such file.
        ValueError: it is another file, or not whole.
    """
    with path.open('rb') as file:
        header = file.readline(len(_START)) + file.readline()
        start, size = len(header), os.fstat(file.fileno()).st_size
        if not header.startswith(_START):
            raise ValueError(f'{path} is no file of arrays')
        content = json.loads(header[len(_START) :])
        if size != start + content['bytes']:
            raise ValueError(f'{path} is not whole')
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    return {
        name: np.frombuffer(data, dtype, int(np.prod(shape)), start + place).reshape(shape)
        for name, dtype, shape, place in content['arrays']
    }
