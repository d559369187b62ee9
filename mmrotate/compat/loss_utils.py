"""Weights and reductions of a loss, under the names of MMDetection's ``models.losses.utils``."""

from torch import Tensor

from mmrotate.models.losses.weighting import reduce_loss as weight_reduce_loss


def reduce_loss(loss: Tensor, reduction: str) -> Tensor:
    """An element-wise loss of any shape under ``'none'``, ``'mean'`` or ``'sum'``."""
    return weight_reduce_loss(loss, reduction=reduction)
