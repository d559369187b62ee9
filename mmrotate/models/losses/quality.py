"""Focal losses whose targets are qualities between 0 and 1, and that of a distribution over distances."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

from .classification import one_hot
from .weighting import WeightedLoss

_EPS = 1e-12


class _OfSigmoids(WeightedLoss):
    """Base of the losses that are defined for independent sigmoids only."""

    def __init__(self, use_sigmoid: bool, reduction: str, loss_weight: float) -> None:
        super().__init__(reduction, loss_weight)
        if not use_sigmoid:
            raise ArgumentError(f'{type(self).__name__} is defined for use_sigmoid=True only')
        self.use_sigmoid = use_sigmoid

    def _check(self, pred: Tensor, target: Any) -> None:
        if not isinstance(target, Tensor) or target.shape != pred.shape:
            given = tuple(target.shape) if isinstance(target, Tensor) else type(target).__name__
            raise ArgumentError(
                f'{type(self).__name__} needs a quality for every score {tuple(pred.shape)}, got {given}: '
                'it is for a head whose get_targets gives them'
            )


@MODELS.register_module()
class QualityFocalLoss(_OfSigmoids):
    """Cross entropy of scores against the quality of their boxes, times ``|quality - score|^beta``.

    Li et al., Generalized Focal Loss, NeurIPS 2020.

    Args:
        use_sigmoid: Only True is defined.
        beta: Exponent that plays down what is nearly right.
        reduction: See :class:`WeightedLoss`.
        loss_weight: Likewise.
        activated: Predictions are probabilities, not logits.
    """

    def __init__(
        self,
        use_sigmoid: bool = True,
        beta: float = 2.0,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
        activated: bool = False,
    ) -> None:
        super().__init__(use_sigmoid, reduction, loss_weight)
        self.beta, self.activated = beta, activated

    def compute(self, pred: Tensor, target: Any) -> Tensor:
        """Logits (n, C) and qualities (n, C), or labels and their qualities ((n,), (n,)) -> (n,)."""
        if isinstance(target, tuple | list) and len(target) == 2:
            labels, quality = target
            target = one_hot(labels, pred.size(1)) * quality[:, None]
        self._check(pred, target)
        target = target.to(pred.dtype)
        entropy = F.binary_cross_entropy if self.activated else F.binary_cross_entropy_with_logits
        probability = pred if self.activated else pred.sigmoid()
        return (entropy(pred, target, reduction='none') * (target - probability).abs().pow(self.beta)).sum(1)


@MODELS.register_module()
class VarifocalLoss(_OfSigmoids):
    """Cross entropy against qualities: objects weigh by theirs, the rest by ``alpha * score^gamma``.

    Zhang et al., VarifocalNet, CVPR 2021.

    Args:
        use_sigmoid: Only True is defined.
        alpha: Weight of the background.
        gamma: Exponent that plays down easy background.
        iou_weighted: Objects weigh by their quality; else by 1.
        reduction: See :class:`WeightedLoss`.
        loss_weight: Likewise.
    """

    def __init__(
        self,
        use_sigmoid: bool = True,
        alpha: float = 0.75,
        gamma: float = 2.0,
        iou_weighted: bool = True,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(use_sigmoid, reduction, loss_weight)
        if alpha < 0:
            raise ArgumentError(f'alpha must not be negative, got {alpha}')
        self.alpha, self.gamma, self.iou_weighted = alpha, gamma, iou_weighted

    def compute(self, pred: Tensor, target: Tensor) -> Tensor:
        """Logits (n, C) and qualities (n, C), 0 for background -> (n, C)."""
        self._check(pred, target)
        target = target.to(pred.dtype)
        objects = target if self.iou_weighted else torch.ones_like(target)
        background = self.alpha * (pred.sigmoid() - target).abs().pow(self.gamma)
        weight = torch.where(target > 0, objects, background)
        return F.binary_cross_entropy_with_logits(pred, target, reduction='none') * weight


@MODELS.register_module()
class RTDETRVarifocalLoss(VarifocalLoss):
    """:class:`VarifocalLoss` under the name that RT-DETR has for it: of qualities from 0 on it is the same."""


@MODELS.register_module()
class DEIMMalLoss(VarifocalLoss):
    """Cross entropy against ``quality^gamma``: objects weigh by 1, the rest by ``alpha * score^gamma``.

    Huang et al., DEIM, CVPR 2025.

    Args:
        use_sigmoid: Only True is defined.
        alpha: Weight of the background.
        gamma: Exponent.
        iou_weighted: Only True.
        reduction: See :class:`WeightedLoss`.
        loss_weight: Likewise.
    """

    def __init__(
        self,
        use_sigmoid: bool = True,
        alpha: float = 1.0,
        gamma: float = 1.5,
        iou_weighted: bool = True,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
    ) -> None:
        if not iou_weighted:
            raise ArgumentError('DEIMMalLoss is defined for iou_weighted=True only')
        super().__init__(use_sigmoid, alpha, gamma, iou_weighted, reduction, loss_weight)

    def compute(self, pred: Tensor, target: Tensor) -> Tensor:
        """Logits (n, C) and qualities (n, C), 0 for background -> (n, C)."""
        self._check(pred, target)
        target = target.to(pred.dtype)
        weight = torch.where(target > 0, 1.0, self.alpha * pred.detach().sigmoid().pow(self.gamma))
        return F.binary_cross_entropy_with_logits(pred, target.pow(self.gamma), reduction='none') * weight


@MODELS.register_module()
class GaussianFocalLoss(WeightedLoss):
    """Focal loss of a heat map, whose peaks of 1 are objects (Law and Deng, CornerNet, ECCV 2018).

    Args:
        alpha: Exponent that plays down what is nearly right.
        gamma: Exponent that plays down the background near a peak.
        reduction: See :class:`WeightedLoss`.
        loss_weight: Likewise.
        pos_weight: Factor of the peaks.
        neg_weight: Factor of the rest.
    """

    def __init__(
        self,
        alpha: float = 2.0,
        gamma: float = 4.0,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
        pos_weight: float = 1.0,
        neg_weight: float = 1.0,
    ) -> None:
        super().__init__(reduction, loss_weight)
        self.alpha, self.gamma = alpha, gamma
        self.pos_weight, self.neg_weight = pos_weight, neg_weight

    def compute(self, pred: Tensor, target: Tensor) -> Tensor:
        """Probabilities and heat, of one shape -> the same shape."""
        peaks = -(pred + _EPS).log() * (1 - pred).pow(self.alpha) * (target == 1)
        rest = -(1 - pred + _EPS).log() * pred.pow(self.alpha) * (1 - target).pow(self.gamma)
        return self.pos_weight * peaks + self.neg_weight * rest


@MODELS.register_module()
class DistributionFocalLoss(WeightedLoss):
    """Cross entropy of a distribution over whole numbers against the two that lie around the target.

    Li et al., Generalized Focal Loss, NeurIPS 2020; arguments as of the base.
    """

    def compute(self, pred: Tensor, target: Tensor) -> Tensor:
        """Logits (n, k + 1) of 0 to k and targets (n,) in [0, k] -> (n,)."""
        below = target.floor().clamp(0, pred.size(1) - 2)
        share = target - below
        left, right = (F.cross_entropy(pred, below.long() + i, reduction='none') for i in (0, 1))
        return left * (1 - share) + right * share
