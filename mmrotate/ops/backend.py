"""Which implementation of the operations is in use, and calls into the C++ one.

The environment variable ``MMROTATE_OPS_BACKEND`` forces ``cpp``, ``triton`` or ``torch``. Under
``TRITON_INTERPRET=1`` a forced Triton runs on the CPU as well: slowly, for tests.
"""

import ctypes
import importlib.machinery
import importlib.util
import os
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

_VARIABLE = 'MMROTATE_OPS_BACKEND'
_CHOICES = ('cpp', 'triton', 'torch')
# goes up together with csrc/interface.cpp
_INTERFACE = 7

_Argument = Tensor | float | int | bool | ctypes.c_int | None
_C_TYPES: dict[type, Callable] = {bool: ctypes.c_int, int: ctypes.c_int64, float: ctypes.c_double}


@cache
def _library() -> ctypes.CDLL | None:
    """The C++ library beside this file; None where it was not built or does not fit."""
    paths = [Path(__file__).with_name(f'_mmrotate_ops{suffix}') for suffix in importlib.machinery.EXTENSION_SUFFIXES]
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
    advice = 'Install the package again; until then plain PyTorch serves'
    warnings.warn(f'the C++ operations in {path} are not used: {reason}. {advice}', stacklevel=2)
    return None


def _forced() -> str | None:
    name = os.environ.get(_VARIABLE)
    if name not in (None, *_CHOICES):
        raise ValueError(f'{_VARIABLE} must be one of {_CHOICES}, got {name!r}')
    if name == 'cpp' and _library() is None:
        raise RuntimeError(
            f'{_VARIABLE}=cpp, but the C++ operations were not built: install a C++ compiler and the package again'
        )
    if name == 'triton' and not _has_triton():
        raise RuntimeError(
            f'{_VARIABLE}=triton, but Triton is not installed: it comes with PyTorch for CUDA, or by pip install triton'
        )
    return name


@cache
def _has_triton() -> bool:
    return importlib.util.find_spec('triton') is not None


@cache
def _gpu_failure() -> str | None:
    """Why the Triton that is installed cannot serve the GPU; None where it can.

    It builds the code that launches its kernels with a C compiler, when it is first used.
    """
    if _interpreted() or not torch.cuda.is_available():
        return None
    try:
        if torch.cuda.get_device_capability() < (7, 0):
            return 'Triton needs a GPU of compute capability 7.0'
        _ = importlib.import_module('triton.runtime').driver.active.utils
    except Exception as error:  # a compiler, a header or a driver is missing: errors of any kind
        needs = "It needs a C compiler (gcc, or the one that CC names) and Python's headers"
        return f'Triton does not start: {type(error).__name__}: {error}. {needs}'
    return None


@cache
def _warn_of(failure: str) -> None:
    warnings.warn(f'{failure}. Until then plain PyTorch serves the GPU', stacklevel=2)


def _interpreted() -> bool:
    """Whether Triton's kernels run in its interpreter, which takes tensors of the CPU."""
    return os.environ.get('TRITON_INTERPRET') == '1'


def _serving(kind: str) -> str:
    """The implementation in use on a type of device; asks nothing of another type."""
    forced = _forced()
    if kind == 'cpu':
        if forced is None:
            return 'torch' if _library() is None else 'cpp'
        fits = forced == 'cpp' or (forced == 'triton' and _interpreted())
        return forced if fits else 'torch'
    if kind != 'cuda' or forced in ('cpp', 'torch') or not _has_triton():
        return 'torch'
    failure = _gpu_failure()
    if failure is None:
        return 'triton'
    if forced == 'triton':
        raise RuntimeError(f'{_VARIABLE}=triton, but {failure}')
    _warn_of(failure)
    return 'torch'


def backends() -> dict[str, str]:
    """The implementation in use per device type: ``cpp``, ``triton`` or ``torch``.

    A forced one serves the devices that it can: C++ the CPU, Triton CUDA. The other device is then
    served by plain PyTorch, as is a GPU on which Triton does not start.
    """
    return {kind: _serving(kind) for kind in ('cpu', 'cuda')}


def chosen(*tensors: Tensor) -> str:
    """The implementation for these tensors: ``cpp``, ``triton`` or ``torch``."""
    kinds = {tensor.device.type for tensor in tensors}
    return _serving(kinds.pop()) if len(kinds) == 1 else 'torch'


def uses_cpp(*tensors: Tensor) -> bool:
    """Whether an operation on these tensors runs in C++."""
    return chosen(*tensors) == 'cpp'


def triton_kernels() -> ModuleType:
    """The operations in Triton; imported when first needed, as it takes a second."""
    return importlib.import_module('mmrotate.ops.triton')


def compute_dtype(*tensors: Tensor) -> torch.dtype:
    """The type an operation computes in: float64 where a tensor is of it, else float32."""
    return torch.float64 if any(tensor.dtype == torch.float64 for tensor in tensors) else torch.float32


def bare(*tensors: Tensor) -> list[Tensor]:
    """The tensors without gradient, in the type that an operation on them computes in."""
    dtype = compute_dtype(*tensors)
    return [tensor.detach().to(dtype) for tensor in tensors]


def operation(name: str, fake: Callable, schema: str | None = None) -> Callable[[Callable], Any]:
    """Register a function as ``mmrotate::name``, which compilers and exports take as a whole.

    ``fake`` gives what the function returns, without values. It asks for a ``size(0)``: len() would ask for a number,
    also of an unknown one. ``schema`` stands for the annotations of a function that has ``*args``.
    """

    def register(function: Callable) -> Any:
        registered = torch.library.custom_op(f'mmrotate::{name}', function, mutates_args=(), schema=schema)
        registered.register_fake(fake)
        return registered

    return register


def call(name: str, dtype: torch.dtype, *args: _Argument) -> None:
    """Call the C++ function ``name`` for ``dtype``; Python's lock is free meanwhile.

    Tensors are passed by address, so those that it writes to must be contiguous. Floats become ``double``, whole
    numbers ``int64_t``, truth values ``int``.

    Raises:
        MemoryError: the function ran out of it.
    """
    library = _library()
    if library is None:
        raise RuntimeError('the C++ operations were not built')
    function = getattr(library, f'{name}_{"f64" if dtype == torch.float64 else "f32"}')
    function.restype = ctypes.c_int
    held = [value.contiguous() if isinstance(value, Tensor) else value for value in args]
    if function(*map(_as_c, held)):
        raise MemoryError(f'{name} ran out of memory')


def library_function(name: str) -> Any:
    """A function of the C++ library that is of no type of numbers; None where there is none."""
    library = None if _forced() == 'torch' else _library()
    return getattr(library, name, None)


def threads() -> ctypes.c_int:
    """Threads that an operation may use: those of PyTorch."""
    return ctypes.c_int(torch.get_num_threads())


def _as_c(value: _Argument) -> object:
    if value is None or isinstance(value, Tensor):
        return ctypes.c_void_p(None if value is None else value.data_ptr())
    return _C_TYPES[type(value)](value) if type(value) in _C_TYPES else value
