"""Which implementation of the operations is in use, and calls into the C++ one.

The environment variable ``MMROTATE_OPS_BACKEND`` forces ``cpp`` or ``torch``.
"""

import ctypes
import importlib.machinery
import os
import warnings
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

_VARIABLE = 'MMROTATE_OPS_BACKEND'
_CHOICES = ('cpp', 'torch')
# goes up together with csrc/interface.cpp
_INTERFACE = 5

_Argument = Tensor | float | int | bool | ctypes.c_int | None


@cache
def _library() -> ctypes.CDLL | None:
    """The C++ library beside this file; None where it was not built or does not fit."""
    paths = [
        Path(__file__).with_name(f'_mmrotate_ops{suffix}')
        for suffix in importlib.machinery.EXTENSION_SUFFIXES
    ]
    path = next((path for path in paths if path.is_file()), None)
    return None if path is None else _load(path)


def _load(path: Path) -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(str(path))
        if library.mmrotate_ops_interface() == _INTERFACE:
            return library
        reason = 'it was built from other sources'
    except (OSError, AttributeError) as error:
        reason = str(error)
    warnings.warn(
        f'the C++ operations in {path} are not used: {reason}. Install the package again; until '
        'then plain PyTorch serves',
        stacklevel=2,
    )
    return None


def _forced() -> str | None:
    name = os.environ.get(_VARIABLE)
    if name is None:
        return None
    if name not in _CHOICES:
        raise ValueError(f'{_VARIABLE} must be one of {_CHOICES}, got {name!r}')
    if name == 'cpp' and _library() is None:
        raise RuntimeError(
            f'{_VARIABLE}=cpp, but the C++ operations were not built: install a C++ compiler and '
            'install the package again'
        )
    return name


def backends() -> dict[str, str]:
    """The implementation in use per device type: ``cpp`` or ``torch``."""
    cpu = _forced() or ('torch' if _library() is None else 'cpp')
    return {'cpu': cpu, 'cuda': 'torch'}


def uses_cpp(*tensors: Tensor) -> bool:
    """Whether an operation on these tensors runs in C++."""
    return all(t.device.type == 'cpu' for t in tensors) and backends()['cpu'] == 'cpp'


def compute_dtype(tensor: Tensor) -> torch.dtype:
    """The type an operation computes in: float64 for itself, float32 for all else."""
    return torch.float64 if tensor.dtype == torch.float64 else torch.float32


def call(name: str, dtype: torch.dtype, *args: _Argument) -> None:
    """Call the C++ function ``name`` for ``dtype``; Python's lock is free meanwhile.

    Tensors must be contiguous and stay alive for the call; they are passed by address. Floats
    become ``double``, whole numbers ``int64_t``, truth values ``int``.

    Raises:
        MemoryError: the function ran out of it.
    """
    library = _library()
    if library is None:
        raise RuntimeError('the C++ operations were not built')
    function = getattr(library, f'{name}_{"f64" if dtype == torch.float64 else "f32"}')
    function.restype = ctypes.c_int
    if function(*map(_as_c, args)):
        raise MemoryError(f'{name} ran out of memory')


def threads() -> ctypes.c_int:
    """Threads that an operation may use: those of PyTorch."""
    return ctypes.c_int(torch.get_num_threads())


def _as_c(value: _Argument) -> object:
    if isinstance(value, Tensor):
        return ctypes.c_void_p(value.data_ptr())
    if value is None:
        return ctypes.c_void_p(None)
    if isinstance(value, bool):
        return ctypes.c_int(value)
    if isinstance(value, int):
        return ctypes.c_int64(value)
    if isinstance(value, float):
        return ctypes.c_double(value)
    return value


def check_boxes(name: str, boxes: Tensor, columns: int = 5) -> None:
    """Raise ValueError unless ``boxes`` is a floating-point (n, columns)."""
    if boxes.dim() != 2 or boxes.size(1) != columns:
        raise ValueError(f'{name} must have shape (n, {columns}), got {tuple(boxes.shape)}')
    if not boxes.is_floating_point():
        raise ValueError(f'{name} must be floating point, got {boxes.dtype}')
