"""Losses of boxes: differences of their numbers, and their overlap."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from mmrotate.core.bbox import bbox_overlaps
from mmrotate.ops import diff_iou_rotated_2d
from mmrotate.registry import MODELS
from mmrotate.utils import later
from mmrotate.utils.errors import ArgumentError

from .weighting import BoxLoss, WeightedLoss, one_of


@MODELS.register_module()
class L1Loss(WeightedLoss):
    """Absolute difference."""

    def compute(self, pred: Tensor, target: Tensor) -> Tensor:
        """``|pred - target|``, same shape."""
        return (pred - target).abs()


@MODELS.register_module()
class MSELoss(WeightedLoss):
    """Squared difference."""

    def compute(self, pred: Tensor, target: Tensor) -> Tensor:
        """``(pred - target)^2``, same shape."""
        return (pred - target).square()


@MODELS.register_module()
class SmoothL1Loss(WeightedLoss):
    """Quadratic below ``beta``, linear above (Girshick, Fast R-CNN, ICCV 2015).

    Args:
        beta: Difference at which the two meet; above 0.
        reduction: See :class:`WeightedLoss`.
        loss_weight: Likewise.
    """

    def __init__(self, beta: float = 1.0, reduction: str = 'mean', loss_weight: float = 1.0) -> None:
        super().__init__(reduction, loss_weight)
        if beta <= 0:
            raise ArgumentError(f'beta must be above 0, got {beta} (L1Loss is its limit)')
        self.beta = beta

    def compute(self, pred: Tensor, target: Tensor) -> Tensor:
        """Element-wise loss, same shape."""
        return F.smooth_l1_loss(pred, target, reduction='none', beta=self.beta)


@MODELS.register_module()
class BalancedL1Loss(WeightedLoss):
    """As smooth L1, but small differences pull more (Pang et al., Libra R-CNN, CVPR 2019).

    Args:
        alpha: Pull of small differences, the less the more.
        gamma: Slope from ``beta`` on.
        beta: Difference from which the loss is linear; above 0.
        reduction: See :class:`WeightedLoss`.
        loss_weight: Likewise.
    """

    def __init__(
        self,
        alpha: float = 0.5,
        gamma: float = 1.5,
        beta: float = 1.0,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(reduction, loss_weight)
        if min(alpha, gamma, beta) <= 0:
            raise ArgumentError(f'alpha, gamma and beta must be above 0, got {alpha}, {gamma}, {beta}')
        self.alpha, self.gamma, self.beta = alpha, gamma, beta

    def compute(self, pred: Tensor, target: Tensor) -> Tensor:
        """Element-wise loss, same shape."""
        gap = (pred - target).abs()
        b = math.expm1(self.gamma / self.alpha)
        near = self.alpha / b * (b * gap + 1) * (b * gap / self.beta + 1).log() - self.alpha * gap
        far = self.gamma * gap + self.gamma / b - self.alpha * self.beta
        return torch.where(gap < self.beta, near, far)


@MODELS.register_module()
class IoULoss(BoxLoss):
    """Overlap of horizontal boxes (n, 4) as left, top, right, bottom.

    Args:
        linear: 1 - overlap; an old way to say ``mode='linear'``.
        eps: Smallest overlap that counts.
        reduction: See :class:`WeightedLoss`.
        loss_weight: Likewise.
        mode: ``'linear'``, ``'square'``: 1 - overlap^2, or ``'log'``: -ln(overlap).
    """

    needs_decoded = True
    box_dim = 4

    def __init__(
        self,
        linear: bool = False,
        eps: float = 1e-6,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
        mode: str = 'log',
    ) -> None:
        super().__init__(reduction, loss_weight)
        one_of('mode', mode, ('linear', 'square', 'log'))
        self.mode, self.eps = 'linear' if linear else mode, eps

    def overlap(self, pred: Tensor, target: Tensor) -> Tensor:
        """Overlaps (n,) in [0, 1] of pairs."""
        return bbox_overlaps(pred, target, is_aligned=True)

    def compute(self, pred: Tensor, target: Tensor, **boxes: Tensor) -> Tensor:
        """Boxes (n, d) and (n, d) -> (n,)."""
        overlap = self.overlap(pred, target).clamp(min=self.eps)
        if self.mode == 'log':
            return -overlap.log()
        return 1 - (overlap.square() if self.mode == 'square' else overlap)


@MODELS.register_module()
class RotatedIoULoss(IoULoss):
    """The same of rotated boxes (n, 5) (Zhou et al., 3DV 2019), with the same arguments."""

    box_dim = 5

    def overlap(self, pred: Tensor, target: Tensor) -> Tensor:
        """Overlaps (n,) in [0, 1] of pairs."""
        return diff_iou_rotated_2d(pred[None], target[None])[0]


@MODELS.register_module()
class GIoULoss(BoxLoss):
    """Generalized overlap of horizontal boxes (n, 4) (Rezatofighi et al., CVPR 2019).

    Args:
        eps: Keeps the quotients of boxes without area finite, in px^2.
        reduction: See :class:`WeightedLoss`.
        loss_weight: Likewise.
    """

    needs_decoded = True
    box_dim = 4

    def __init__(self, eps: float = 1e-6, reduction: str = 'mean', loss_weight: float = 1.0) -> None:
        super().__init__(reduction, loss_weight)
        self.eps = eps

    def compute(self, pred: Tensor, target: Tensor, **boxes: Tensor) -> Tensor:
        """Boxes (n, 4) and (n, 4) -> (n,) in [0, 2]."""
        return later.torchvision().ops.generalized_box_iou_loss(pred, target, eps=self.eps)
