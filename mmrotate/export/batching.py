"""``torch.vmap`` over a batch whose size is not known before the graph runs.

PyTorch's rules for some functions ask for the number of images and would make it a constant of the graph. Here they
are said once more, by the shapes of tensors alone.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


@torch.library.custom_op('mmrotate::cat', mutates_args=())
def _cat(tensors: Sequence[Tensor], dim: int) -> Tensor:
    """``torch.cat`` along a dimension that is counted from the front."""
    return torch.cat(list(tensors), dim)


@_cat.register_fake
def _(tensors: Sequence[Tensor], dim: int) -> Tensor:
    return torch.cat(list(tensors), dim)


@_cat.register_vmap
def _(info: Any, in_dims: tuple, tensors: Sequence[Tensor], dim: int) -> tuple[Tensor, int]:
    return torch.cat(_in_front(tensors, in_dims[0]), dim + 1), 0


@torch.library.custom_op('mmrotate::gather', mutates_args=())
def _gather(values: Tensor, dim: int, index: Tensor) -> Tensor:
    """``torch.gather`` along a dimension that is counted from the front."""
    return values.gather(dim, index)


@_gather.register_fake
def _(values: Tensor, dim: int, index: Tensor) -> Tensor:
    return values.gather(dim, index)


@_gather.register_vmap
def _(info: Any, in_dims: tuple, values: Tensor, dim: int, index: Tensor) -> tuple[Tensor, int]:
    values, index = _in_front((values, index), in_dims[::2])
    return values.gather(dim + 1, index), 0


def _in_front(tensors: Sequence[Tensor], places: Sequence[int | None]) -> list[Tensor]:
    """Tensors with the images as their first dimension, which was at ``places``; None: the same for all images."""
    batch = next(t.size(at) for t, at in zip(tensors, places, strict=True) if at is not None)
    return [
        t.unsqueeze(0).expand(batch, *t.shape) if at is None else t.movedim(at, 0)
        for t, at in zip(tensors, places, strict=True)
    ]


class _ByShapes(TorchFunctionMode):
    """Puts the rules of this module in the place of PyTorch's."""

    def __torch_function__(self, function: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        if function in (torch.cat, torch.stack):
            return _joined(function, *args, **kwargs)
        if function in (torch.gather, Tensor.gather):
            return _gathered(function, *args, **kwargs)
        if function in (torch.argsort, Tensor.argsort):
            return torch.sort(*args, **kwargs).indices
        return function(*args, **kwargs)


def _gathered(function: Callable, values: Tensor, dim: int, index: Tensor) -> Tensor:
    if not _any_batched(values, index):
        return function(values, dim, index)
    return _gather(values, dim % values.dim(), index)


def _any_batched(*tensors: Tensor) -> bool:
    return any(map(torch._C._functorch.is_batchedtensor, tensors))


def _joined(function: Callable, tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    if not _any_batched(*tensors):
        return function(tensors, dim)
    dim = dim % (tensors[0].dim() + (function is torch.stack))
    if function is torch.stack:
        tensors = [t.unsqueeze(dim) for t in tensors]
    return _cat(list(tensors), dim)


def over_images(step: Callable, *args: Any) -> Any:
    """What ``step`` gives for each image, of arguments whose tensors (N, ...) have one row an image."""

    def single(*args: Any) -> Any:
        with _ByShapes():
            return step(*args)

    return torch.vmap(single)(*args)
