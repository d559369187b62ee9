"""Losses of classes, and the accuracy for the log."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mmrotate.ops import sigmoid_focal_loss
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

from .weighting import Divisor, WeightedLoss


@torch.no_grad()
def accuracy(pred: Tensor, target: Tensor) -> Tensor:
    """Share of rows of ``pred`` (n, C) whose largest entry is at ``target`` (n,), in percent; 0 without a row."""
    return (pred.argmax(1) == target).float().sum() / max(pred.size(0), 1) * 100


def one_hot(labels: Tensor, classes: int) -> Tensor:
    """Labels (n,) as (n, classes) of 0 and 1; one outside [0, classes) is background."""
    foreground = (labels >= 0) & (labels < classes)
    return F.one_hot(labels.where(foreground, classes), classes + 1)[:, :-1]


@MODELS.register_module()
class CrossEntropyLoss(WeightedLoss):
    """Cross entropy of labels.

    Args:
        use_sigmoid: Independent sigmoids (n, C), where a label outside [0, C) is background; else a softmax.
        use_mask: Only False: there are no masks.
        reduction: See :class:`WeightedLoss`.
        class_weight: Weight of each class.
        ignore_index: Label that costs nothing; None for -100.
        loss_weight: See :class:`WeightedLoss`.
        avg_non_ignore: Without an ``avg_factor`` the mean is over what costs something.
    """

    def __init__(
        self,
        use_sigmoid: bool = False,
        use_mask: bool = False,
        reduction: str = 'mean',
        class_weight: Sequence[float] | None = None,
        ignore_index: int | None = None,
        loss_weight: float = 1.0,
        avg_non_ignore: bool = False,
    ) -> None:
        super().__init__(reduction, loss_weight)
        if use_mask:
            raise ArgumentError('CrossEntropyLoss with use_mask=True is for masks, which nothing here predicts')
        self.use_sigmoid, self.class_weight, self.avg_non_ignore = use_sigmoid, class_weight, avg_non_ignore
        self.ignore_index = -100 if ignore_index is None else ignore_index

    def compute(self, pred: Tensor, target: Tensor) -> Tensor:
        """Logits (n, C) and labels (n,) -> (n, C) for sigmoids, (n,) for a softmax."""
        weight = None if self.class_weight is None else pred.new_tensor(self.class_weight)
        if not self.use_sigmoid:
            return F.cross_entropy(pred, target, weight=weight, ignore_index=self.ignore_index, reduction='none')
        costs: Any = 1
        if target.dim() == 1:
            costs = (target != self.ignore_index)[:, None]
            target = one_hot(target, pred.size(1))
        loss = F.binary_cross_entropy_with_logits(pred, target.to(pred.dtype), pos_weight=weight, reduction='none')
        return loss * costs

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        avg_factor: Divisor = None,
        reduction_override: str | None = None,
        **boxes: Tensor,
    ) -> Tensor:
        """As of the base; see ``avg_non_ignore``."""
        mean = (reduction_override or self.reduction) == 'mean'
        if self.avg_non_ignore and mean and avg_factor is None and target.dim() == 1:
            avg_factor = (target != self.ignore_index).sum() * (pred.size(1) if self.use_sigmoid else 1)
        return super().forward(pred, target, weight, avg_factor, reduction_override, **boxes)


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


@MODELS.register_module()
class PolyLoss(FocalLoss):
    """:class:`FocalLoss` with more weight on its first polynomial term: ``+ epsilon (1 - p)^(gamma + 1)``.

    ``p`` is the probability of what is right. Leng et al., PolyLoss, ICLR 2022: Poly-1, whose detectors have an
    ``epsilon`` of -1; ``gamma=0`` and ``alpha=-1`` make it that of cross entropy.

    Args:
        use_sigmoid, gamma, alpha, reduction, loss_weight: As of :class:`FocalLoss`; the term is weighted by
            ``alpha`` too.
        epsilon: Factor of the term, at least -1.
    """

    def __init__(
        self,
        use_sigmoid: bool = True,
        gamma: float = 2.0,
        alpha: float = 0.25,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
        epsilon: float = -1.0,
    ) -> None:
        super().__init__(use_sigmoid, gamma, alpha, reduction, loss_weight)
        if epsilon < -1:
            raise ArgumentError(f'epsilon must be at least -1, got {epsilon}')
        self.epsilon = epsilon

    def compute(self, pred: Tensor, target: Tensor) -> Tensor:
        """Logits (n, C) and labels (n,), C for background, or targets (n, C) -> (n, C)."""
        truth = one_hot(target, pred.size(1)) if target.dim() == 1 else target
        wrong = pred.sigmoid() * (1 - truth) + (-pred).sigmoid() * truth
        share = self.alpha * truth + (1 - self.alpha) * (1 - truth) if self.alpha >= 0 else 1.0
        return super().compute(pred, target) + self.epsilon * share * wrong ** (self.gamma + 1)
