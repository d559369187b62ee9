"""Batches on their way to a device, and the files they came from."""

from collections.abc import Callable
from typing import Any

import torch


def map_tensors(value: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
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
