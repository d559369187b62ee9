"""Losses of classes, and the accuracy for the log."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mmrotate.ops import sigmoid_focal_loss
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

from .weighting import WeightedLoss


@torch.no_grad()
def accuracy(pred: Tensor, target: Tensor) -> Tensor:
    """Share of rows of ``pred`` (n, C) whose largest entry is at ``target`` (n,), in percent; 0 without a row."""
    return (pred.argmax(1) == target).float().mean() * 100 if len(pred) else pred.new_zeros(())


def one_hot(labels: Tensor, classes: int) -> Tensor:
    """Labels (n,) as (n, classes) of 0 and 1; one outside [0, classes) is background."""
    foreground = (labels >= 0) & (labels < classes)
    return F.one_hot(labels.where(foreground, classes), classes + 1)[:, :-1]


@MODELS.register_module()
class CrossEntropyLoss(WeightedLoss):
    """Cross entropy of labels.

    Args:
        use_sigmoid: Independent sigmoids (n, C), where a label outside [0, C) is background; else a softmax.
        class_weight: Weight of each class.
        **kwargs: See :class:`WeightedLoss`.
    """

    def __init__(
        self, use_sigmoid: bool = False, *, class_weight: Sequence[float] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.use_sigmoid, self.class_weight = use_sigmoid, class_weight

    def compute(self, pred: Tensor, target: Tensor) -> Tensor:
        """Logits (n, C) and labels (n,) -> (n, C) for sigmoids, (n,) for a softmax."""
        weight = None if self.class_weight is None else pred.new_tensor(self.class_weight)
        if not self.use_sigmoid:
            return F.cross_entropy(pred, target, weight=weight, reduction='none')
        target = one_hot(target, pred.size(1)) if target.dim() == 1 else target
        return F.binary_cross_entropy_with_logits(pred, target.to(pred.dtype), pos_weight=weight, reduction='none')


@MODELS.register_module()
class FocalLoss(WeightedLoss):
    """Sigmoid focal loss (Lin et al., ICCV 2017).

    Args:
        use_sigmoid: Only True is defined.
        gamma: Exponent that plays down easy samples.
        alpha: Weight of the positive class, 1 - alpha of the negative.
        reduction: See :class:`WeightedLoss`.
        loss_weight: Likewise.
    """

    def __init__(
        self,
        use_sigmoid: bool = True,
        gamma: float = 2.0,
        alpha: float = 0.25,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(reduction, loss_weight)
        if not use_sigmoid:
            raise ArgumentError('FocalLoss is defined for use_sigmoid=True only')
        self.use_sigmoid, self.gamma, self.alpha = use_sigmoid, gamma, alpha

    def compute(self, pred: Tensor, target: Tensor) -> Tensor:
        """Logits (n, C) and labels (n,), C for background, or targets (n, C) -> (n, C)."""
        return sigmoid_focal_loss(pred, target, self.gamma, self.alpha, reduction='none')


@MODELS.register_module()
class SmoothFocalLoss(FocalLoss):
    """:class:`FocalLoss` of soft targets (n, C) in [0, 1], as circular smooth labels are."""

    def __init__(
        self,
        gamma: float = 2.0,
        alpha: float = 0.25,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
        *,
        use_sigmoid: bool = True,
    ) -> None:
        super().__init__(use_sigmoid, gamma, alpha, reduction, loss_weight)
