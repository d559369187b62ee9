"""Focal loss of logits; torchvision's formula under the arguments of 0.x."""

import torch
from torch import Tensor

from mmrotate.utils import later

from .backend import compute_dtype
from .checks import check_choice, check_floating, check_number, check_tensor


def sigmoid_focal_loss(
    pred: Tensor,
    target: Tensor,
    gamma: float = 2.0,
    alpha: float = 0.25,
    weight: Tensor | None = None,
    reduction: str = 'mean',
) -> Tensor:
    """Sigmoid focal loss (Lin et al., ICCV 2017), differentiable to ``pred``.

    Args:
        pred: Logits (n, C).
        target: Classes (n,), any number outside of 0 to C - 1 for background; or targets (n, C) in [0, 1].
        gamma: Exponent that plays down easy samples.
        alpha: Weight of the positive class, 1 - alpha of the negative.
        weight: (C,) factors of the samples of each class; background counts 1.
        reduction: ``'none'``, ``'sum'``, or ``'mean'``: the sum over the number of samples n.

    Returns:
        (n, C) under ``'none'``, else a number, of the type of ``pred``.

    Raises:
        ValueError: shapes that do not fit, logits that are no floating-point numbers, or another reduction.
    """
    check_floating('pred', pred)
    check_tensor('target', target)
    if pred.dim() != 2 or target.shape not in (pred.shape[:1], pred.shape):
        raise ValueError(
            f'pred must be (n, C) and target (n,) or (n, C), got {tuple(pred.shape)} and {tuple(target.shape)}'
        )
    check_number('gamma', gamma, 0)
    check_number('alpha', alpha)
    check_choice('reduction', reduction, ('none', 'mean', 'sum'))
    if weight is not None:
        check_tensor('weight', weight, pred.shape[1:])
    dtype = compute_dtype(pred)
    if target.dim() == 1:
        target = target[:, None] == torch.arange(pred.size(1), device=pred.device)
    target = target.to(dtype)
    loss = later.torchvision().ops.sigmoid_focal_loss(pred.to(dtype), target, alpha, gamma, 'none')
    if weight is not None:
        loss = loss * (1 + (target * (weight.to(dtype) - 1)).sum(1, keepdim=True))
    if reduction != 'none':
        loss = loss.sum() / (torch.sym_max(pred.size(0), 1) if reduction == 'mean' else 1)
    return loss.to(pred.dtype)
