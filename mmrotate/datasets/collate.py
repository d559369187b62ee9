"""Samples -> batch, without wrappers around the tensors."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F


def collate(samples: Sequence[dict], size_divisor: int = 1) -> dict[str, Any]:
    """Batch of the samples of a pipeline.

    Train samples (``img`` a tensor): the images are padded with 0 at the right and bottom to the
    largest of the batch and stacked to (B, C, H, W); every other entry becomes a list of length B.
    Test samples (every entry a list with one item per augmentation) become, per augmentation, a
    batch of the same kind: ``img`` a list of (B, C, H, W), the rest lists of lists.

    Args:
        samples: the samples, with the same keys.
        size_divisor: height and width of a batch are multiples of it.

    Raises:
        ValueError: no samples, or samples that do not fit together.
    """
    if not samples:
        raise ValueError('cannot make a batch of no samples')
    keys = list(samples[0])
    for sample in samples[1:]:
        if set(sample) != set(keys):
            raise ValueError(f'the samples of a batch hold other keys: {keys}, {list(sample)}')
    if not isinstance(samples[0].get('img'), (list, tuple)):
        return {key: _merge(key, [s[key] for s in samples], size_divisor) for key in keys}
    counts = {len(sample['img']) for sample in samples}
    if len(counts) > 1:
        raise ValueError(f'the samples of a batch have {sorted(counts)} augmentations')
    return {key: [_merge(key, [s[key][i] for s in samples], size_divisor) for i in range(*counts)] for key in keys}


def _merge(key: str, values: list, size_divisor: int) -> torch.Tensor | list:
    return stack_images(values, size_divisor) if key == 'img' else values


def stack_images(images: Sequence[torch.Tensor], size_divisor: int = 1) -> torch.Tensor:
    """Images (C, H_i, W_i), padded with 0 at the right and bottom, as one tensor (B, C, H, W)."""
    h, w = (-(-max(image.shape[axis] for image in images) // size_divisor) * size_divisor for axis in (-2, -1))
    return torch.stack([F.pad(i, (0, w - i.shape[-1], 0, h - i.shape[-2])) for i in images])
