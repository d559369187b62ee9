"""A second try where the memory of a GPU is used up, as mmdet 2.x has it."""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from mmrotate.utils import get_root_logger


class AvoidOOM:
    """Calls a function again where it ran out of memory: with an empty cache, then in half precision, then on the CPU.

    Args:
        to_cpu: Try the CPU at last; the results come back to where the arguments were.
        test: Of no effect.
    """

    def __init__(self, to_cpu: bool = True, test: bool = False) -> None:
        del test
        self.to_cpu = to_cpu

    def retry_if_cuda_oom(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """``func`` with these tries; also a decorator."""

        @functools.wraps(func)
        def tried(*args: Any, **kwargs: Any) -> Any:
            first = next((x for x in (*args, *kwargs.values()) if isinstance(x, Tensor)), torch.empty(0))
            steps: list[tuple[str, dict[str, Any]]] = [('once more', {}), ('in half precision', dict(dtype=torch.half))]
            steps += [('on the CPU', dict(device='cpu'))] if self.to_cpu else []
            given = (args, kwargs)
            for name, target in steps:
                try:
                    return _moved(func(*given[0], **given[1]), like=first)
                except torch.cuda.OutOfMemoryError:
                    get_root_logger().warning('%s ran out of memory: it is tried %s', func.__qualname__, name)
                    torch.cuda.empty_cache()
                given = _moved((args, kwargs), **target)
            return _moved(func(*given[0], **given[1]), like=first)

        return tried


def _moved(value: Any, like: Tensor | None = None, **target: Any) -> Any:
    """The floating tensors in nested sequences and dicts, moved ``like`` another or to a ``target``."""
    if isinstance(value, Tensor):
        if like is not None:
            target = dict(device=like.device, **(dict(dtype=like.dtype) if like.is_floating_point() else {}))
        return value.to(**target) if value.is_floating_point() else value.to(target.get('device', value.device))
    if isinstance(value, dict):
        return {key: _moved(each, like, **target) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_moved(each, like, **target) for each in value)
    return value


AvoidCUDAOOM = AvoidOOM()
