"""Top-1 accuracy, for the log."""

import torch
from torch import Tensor


@torch.no_grad()
def accuracy(pred: Tensor, target: Tensor) -> Tensor:
    """Share of rows of ``pred`` (n, C) whose largest entry is at ``target`` (n,), in percent."""
    if pred.size(0) == 0:
        return pred.new_zeros(())
    return (pred.argmax(1) == target).float().mean() * 100
