"""Failures of the machine, not of the data: no memory left, a loading process killed."""

import contextlib
import re
import time
from collections.abc import Iterator
from typing import TypeVar

import torch

from mmrotate.utils import UserError

T = TypeVar('T')
_SMALLER = (
    'take fewer images per batch (data.samples_per_gpu), smaller ones (img_scale) or mixed precision (fp16), or end '
    'what else uses this memory'
)
_FEWER_WORKERS = 'take fewer loading processes (data.workers_per_gpu, 0 for none)'
_SHARED = f'{_FEWER_WORKERS}, or give the container more (docker run --shm-size=8g, or --ipc=host)'
# what PyTorch, OpenCV and the system say -> what it is and what helps; the first that fits
_SIGNS = (
    (
        r'CUDA out of memory|CUDA error: out of memory|CUBLAS_STATUS_ALLOC_FAILED',
        f'the GPU has no memory left: {_SMALLER}',
    ),
    (
        r'shared memory|Bus error|unable to write to file </torch|No space left on device: .?/dev/shm|/torch_\d+_',
        f'the shared memory (/dev/shm) that loading processes hand images over in is full: {_SHARED}',
    ),
    (
        r'DataLoader worker \(pid.*(killed by signal|exited unexpectedly)|Connection(Reset|Refused)Error',
        'a process that loads images was killed, mostly by the system because the memory (of the machine or of the '
        f'container) was full: {_FEWER_WORKERS} or a smaller batch (data.samples_per_gpu)',
    ),
    (r'Too many open files', f'too many files are open: raise the limit (ulimit -n 65536), or {_FEWER_WORKERS}'),
    (
        r"DefaultCPUAllocator|can't allocate memory|Cannot allocate memory|Insufficient memory|std::bad_alloc",
        f'the machine has no memory left: {_SMALLER}, or {_FEWER_WORKERS}',
    ),
)

_UNTIL_HEARD = 0.5  # seconds from a broken connection to the signal of the death that broke it


class ShortageError(UserError, RuntimeError):
    """The machine has too little of something; the message says of what, and what to do."""


def shortage(error: BaseException) -> str | None:
    """What the machine lacks according to ``error``, and what to do; None for an error of another kind."""
    if isinstance(error, ShortageError):
        return str(error)
    text = f'{type(error).__name__}: {error}'
    if isinstance(error, torch.OutOfMemoryError):
        text = f'CUDA out of memory. {error}'
    elif isinstance(error, MemoryError):
        text = f'Cannot allocate memory. {error}'
    elif not isinstance(error, RuntimeError | OSError) and type(error).__name__ != 'error':  # that of OpenCV
        return None
    advice = next((advice for sign, advice in _SIGNS if re.search(sign, text)), None)
    return advice and f'{advice} ({_line(error, advice)})'


def _line(error: BaseException, advice: str) -> str:
    """The line of ``error`` that says it: one of another process holds a whole traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    signs = [sign for sign, known in _SIGNS if known == advice]
    return next((line for line in lines if any(re.search(sign, line) for sign in signs)), lines[0])[:300]


@contextlib.contextmanager
def naming_shortages() -> Iterator[None]:
    """Raise a ShortageError in place of an error that comes from the machine."""
    try:
        yield
    except Exception as error:
        if isinstance(error, ShortageError) or (text := shortage(error)) is None:
            raise
        raise ShortageError(text) from error


def loaded(batches: Iterator[T]) -> Iterator[T]:
    """The ``batches`` of a loader; the death of a loading process is told from inside here, and only here.

    The connection to a dead process breaks a moment before PyTorch hears of the death and raises its error, wherever
    the program is by then: that may be past the handling of the first error.
    """
    while True:
        try:
            batch = next(batches)
        except StopIteration:
            return
        except ConnectionError:
            time.sleep(_UNTIL_HEARD)
            raise
        yield batch
