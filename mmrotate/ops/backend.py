"""Which implementation of the operations is in use, and calls into the C++ one.

The environment variable ``MMROTATE_OPS_BACKEND`` forces ``cpp``, ``triton`` or ``torch``. Under
``TRITON_INTERPRET=1`` a forced Triton runs on the CPU as well: slowly, for tests.
"""

import ctypes
import importlib.util
import os
import warnings
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from mmrotate.utils import native

_VARIABLE, _library, threads = native.VARIABLE, native.library, native.threads
_CHOICES = ('cpp', 'triton', 'torch')
_Argument = Tensor | float | int | bool | ctypes.c_int | None


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
    held = [value.contiguous() if isinstance(value, Tensor) else value for value in args]
    given = [ctypes.c_void_p(value.data_ptr()) if isinstance(value, Tensor) else value for value in held]
    native.call(library, name, dtype == torch.float64, *given)
