"""How every loss weighs its elements and reduces them to a number."""

import torch
from torch import Tensor, nn

_REDUCTIONS = ('none', 'mean', 'sum')


def reduce_loss(
    loss: Tensor,
    weight: Tensor | None = None,
    reduction: str = 'mean',
    avg_factor: float | Tensor | None = None,
) -> Tensor:
    """Weigh and reduce an element-wise loss.

    Args:
        loss: Element-wise loss of any shape.
        weight: Weights of the same shape, or of its first dimensions; None for one.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        avg_factor: Divisor of the sum under ``'mean'``; None is the number of elements.
    """
    if weight is not None:
        loss = loss * weight.view(*weight.shape, *[1] * (loss.dim() - weight.dim()))
    if reduction == 'none':
        return loss
    if avg_factor is not None:
        if reduction == 'sum':
            raise ValueError("avg_factor goes with reduction='mean' or 'none', not with 'sum'")
        # eps: a batch without a sample has the factor 0
        return loss.sum() / (avg_factor + torch.finfo(torch.float32).eps)
    return loss.mean() if reduction == 'mean' else loss.sum()


class WeightedLoss(nn.Module):
    """Base of the losses: an element-wise ``compute``, weighed, reduced and scaled.

    Args:
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: Factor of the result.
    """

    # a loss on decoded boxes (x, y, w, h, theta) sets this; heads then decode before they call it
    needs_decoded = False

    def __init__(self, reduction: str = 'mean', loss_weight: float = 1.0) -> None:
        super().__init__()
        if reduction not in _REDUCTIONS:
            raise ValueError(f'reduction must be one of {_REDUCTIONS}, got {reduction!r}')
        self.reduction = reduction
        self.loss_weight = loss_weight

    def compute(self, pred: Tensor, target: Tensor) -> Tensor:
        """Element-wise loss of float32 predictions."""
        raise NotImplementedError

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | Tensor | None = None,
        reduction_override: str | None = None,
    ) -> Tensor:
        """Loss of ``pred`` against ``target``; see :func:`reduce_loss`.

        Without a sample the result is a zero that still reaches every prediction, so that all
        parameters get a gradient in a batch without objects.
        """
        reduction = reduction_override or self.reduction
        if pred.numel() == 0:
            return pred.sum() * 0
        loss = self.compute(pred.float(), target)
        return self.loss_weight * reduce_loss(loss, weight, reduction, avg_factor)
