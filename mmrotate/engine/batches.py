"""Batches on their way to a device and through a model, and the files they came from."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


def map_tensors(value: Any, change: Callable[[torch.Tensor], Any]) -> Any:
    """``value`` with every tensor in its dicts, lists and tuples changed."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, dict):
        return {key: map_tensors(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map_tensors(item, change) for item in value)
    return value


def to_device(batch: Any, device: torch.device) -> Any:
    """``batch`` with every tensor in its dicts, lists and tuples on ``device``."""
    return map_tensors(batch, lambda tensor: tensor.to(device, non_blocking=True))


def files_of(batch: Any) -> list[str]:
    """Image files of a batch, in its order; empty if it does not say."""
    metas = batch.get('img_metas') if isinstance(batch, dict) else None
    if metas and isinstance(metas[0], list | tuple):  # test batches: one list per augmentation
        metas = metas[0]
    return [str(meta.get('filename')) for meta in metas or [] if isinstance(meta, dict)]


@contextmanager
def restored_modes(model: nn.Module) -> Iterator[None]:
    """Put every module back into the mode, train or eval, in which it was."""
    modes = [(module, module.training) for module in model.modules()]
    yield
    for module, training in modes:
        module.training = training
