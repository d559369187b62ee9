"""The C++ library of the operations, called on plain addresses: with PyTorch and without."""

import ctypes
import importlib.machinery
import os
import sys
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

# what forces an implementation of the operations, see mmrotate/ops/backend.py
VARIABLE = 'MMROTATE_OPS_BACKEND'
# goes up together with mmrotate/ops/csrc/interface.cpp
_INTERFACE = 8
_FOLDER = Path(__file__).parents[1] / 'ops'
_C_TYPES: dict[type, Callable] = {bool: ctypes.c_int, int: ctypes.c_int64, float: ctypes.c_double}


@cache
def library() -> ctypes.CDLL | None:
    """The C++ library; None where it was not built or does not fit."""
    paths = [_FOLDER / f'_mmrotate_ops{suffix}' for suffix in importlib.machinery.EXTENSION_SUFFIXES]
    path = next((path for path in paths if path.is_file()), None)
    return None if path is None else _load(path)


def _load(path: Path) -> ctypes.CDLL | None:
    try:
        found = ctypes.CDLL(str(path))
        if found.mmrotate_ops_interface() == _INTERFACE:
            return found
        reason = 'it was built from other sources'
    except (OSError, AttributeError) as error:
        reason = str(error)
    advice = 'Install the package again; until then plain PyTorch serves'
    warnings.warn(f'the C++ operations in {path} are not used: {reason}. {advice}', stacklevel=2)
    return None


def library_function(name: str) -> Any:
    """A function of the C++ library that is of no type of numbers; None where there is none, or PyTorch is forced."""
    found = None if os.environ.get(VARIABLE) == 'torch' else library()
    return getattr(found, name, None)


def call(library: Any, name: str, double: bool, *args: Any) -> None:
    """Call the function ``name`` of the library, for float64 or float32; Python's lock is free meanwhile.

    Arrays, which must be contiguous, are passed by address. Floats become ``double``, whole numbers ``int64_t``, truth
    values ``int``; values of ctypes stay.

    Raises:
        MemoryError: the function ran out of it.
    """
    function = getattr(library, f'{name}_{"f64" if double else "f32"}')
    function.restype = ctypes.c_int
    if function(*map(_as_c, args)):
        raise MemoryError(f'{name} ran out of memory')


def threads() -> ctypes.c_int:
    """Threads that an operation may use: those of PyTorch; without it those of OpenMP, or as many as there are CPUs."""
    if (torch := sys.modules.get('torch')) is not None:
        return ctypes.c_int(torch.get_num_threads())
    wanted = os.environ.get('OMP_NUM_THREADS', '')
    return ctypes.c_int(int(wanted) if wanted.isdecimal() else os.cpu_count() or 1)


def _as_c(value: Any) -> object:
    if value is None or isinstance(value, np.ndarray):
        return ctypes.c_void_p(None if value is None else value.ctypes.data)
    return _C_TYPES[type(value)](value) if type(value) in _C_TYPES else value
