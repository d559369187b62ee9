"""What the anchors of a batch shall say."""

from typing import NamedTuple

import torch
from torch import Tensor


class AnchorTargets(NamedTuple):
    """What the anchors of a batch shall say.

    Attributes:
        labels: (N, n) classes, ``num_classes`` for background.
        label_weights: (N, n) 0 for anchors that count neither way.
        pos_images: (p,) image of each positive anchor.
        pos_anchors: (p,) its index in [0, n).
        bbox_targets: (p, d) encoded boxes, or boxes where the loss wants them decoded.
        avg_factor: Anchors that the losses are divided by, at least 1 of each image.
    """

    labels: Tensor
    label_weights: Tensor
    pos_images: Tensor
    pos_anchors: Tensor
    bbox_targets: Tensor
    avg_factor: int


def numbered(groups: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Number of its group, and value, for each value of several groups (n,) in a row."""
    values = torch.cat(groups)
    counts = torch.tensor([len(group) for group in groups], device=values.device)
    return torch.arange(len(groups), device=values.device).repeat_interleave(counts), values
