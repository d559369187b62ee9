"""Batches on their way to a device, and the files they came from."""

from typing import Any

import torch


def to_device(batch: Any, device: torch.device) -> Any:
    """``batch`` with every tensor in its dicts, lists and tuples on ``device``."""
    if isinstance(batch, torch.Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, dict):
        return {key: to_device(value, device) for key, value in batch.items()}
    if isinstance(batch, list | tuple):
        return type(batch)(to_device(value, device) for value in batch)
    return batch


def files_of(batch: Any) -> list[str]:
    """Image files of a batch, in its order; empty if it does not say."""
    metas = batch.get('img_metas') if isinstance(batch, dict) else None
    if metas and isinstance(metas[0], list | tuple):  # test batches: one list per augmentation
        metas = metas[0]
    return [str(meta.get('filename')) for meta in metas or [] if isinstance(meta, dict)]
