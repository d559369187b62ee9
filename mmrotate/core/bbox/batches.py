"""The images of a batch one after the other: rows of each, in one tensor."""

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from .builder import batch_method


def begins(like: Tensor, counts: Sequence[int], sizes: Sequence[int]) -> Tensor:
    """Where an image begins that has so many rows, for each of ``sizes`` of them; in the type of a tensor."""
    first = like.new_tensor([0, *accumulate(counts)][:-1])
    return first.repeat_interleave(like.new_tensor(sizes), output_size=sum(sizes))


def joined(groups: Sequence[Tensor], counts: Sequence[int]) -> Tensor:
    """Indices (k,) of rows of each image, which has so many, as indices among the rows of all."""
    if torch.compiler.is_compiling():  # compilers do not know how many they are
        return torch.cat([group + sum(counts[:i]) for i, group in enumerate(groups)])
    index = torch.cat(list(groups))
    return index + begins(index, counts, list(map(len, groups)))


def apart(mask: Tensor, counts: Sequence[int]) -> tuple[Tensor, ...]:
    """Indices (k,) of each image's rows where a mask of all rows is true."""
    index = mask.nonzero().squeeze(1)
    ends = torch.searchsorted(index, index.new_tensor(list(accumulate(counts)))).tolist()
    sizes = [end - before for before, end in zip([0, *ends], ends, strict=False)]
    return (index - begins(index, counts, sizes)).split(sizes)


def together(function: Callable[[Tensor], Tensor], images: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """What a function of rows gives for those of each image, called once."""
    if torch.compiler.is_compiling():
        return tuple(map(function, images))
    return function(torch.cat(list(images))).split(list(map(len, images)))


def one_by_one(*fields: Sequence[Tensor]) -> Tensor:
    """Rows of each image: those of the first field, of the second, ...; then those of the next image."""
    return torch.cat([part for image in zip(*fields, strict=True) for part in image])


def batch_steps(assigner: Any, sampler: Any) -> tuple[Callable, Callable] | None:
    """``assign_batch`` and ``sample_batch`` of both; None where one of them, or a compiler, goes image by image."""
    if torch.compiler.is_compiling():
        return None
    steps = batch_method(assigner, 'assign'), batch_method(sampler, 'sample')
    return None if None in steps else steps  # type: ignore[return-value]
