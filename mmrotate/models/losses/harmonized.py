"""Losses weighed by how many samples have a gradient of the same length."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

from .classification import one_hot
from .weighting import Divisor, WeightedLoss, reduce_loss, wide


class HarmonizedLoss(WeightedLoss):
    """Base of the gradient harmonized losses (Li et al., GHM, AAAI 2019).

    Elements are counted by the length of their gradient, in [0, 1]; those of a crowded bin weigh less. A weight above
    0 says that an element counts, ``avg_factor`` is not used.

    Args:
        bins: Bins of [0, 1].
        momentum: Share of the former counts in a running mean of them; 0 takes those of the batch alone.
        loss_weight: Factor of the result.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
    """

    edges: Tensor
    acc_sum: Tensor
    last_edge = 1.0

    def __init__(self, bins: int, momentum: float, loss_weight: float, reduction: str) -> None:
        super().__init__(reduction, loss_weight)
        if bins < 1 or not 0 <= momentum < 1:
            raise ArgumentError(f'bins must be at least 1 and momentum in [0, 1), got {bins} and {momentum}')
        self.bins, self.momentum = bins, momentum
        edges = torch.arange(bins + 1) / bins
        edges[-1] = self.last_edge
        self.register_buffer('edges', edges)
        if momentum > 0:
            self.register_buffer('acc_sum', torch.zeros(bins))

    def gradient(self, pred: Tensor, target: Tensor) -> Tensor:
        """Length of the gradient of each element, in [0, 1]."""
        raise NotImplementedError

    def total(self, weight: Tensor) -> Tensor:
        """Number of the elements that count."""
        return (weight > 0).sum()

    def forward(  # type: ignore[override]
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        avg_factor: Divisor = None,
        reduction_override: str | None = None,
    ) -> Tensor:
        """Loss of ``pred`` against ``target``, both (n, d), under weights of the same shape."""
        pred = wide(pred)
        weight = torch.ones_like(pred) if weight is None else weight.to(pred)
        total = self.total(weight).clamp(min=1)
        harmony = self._harmony(self.gradient(pred.detach(), target), weight > 0) * total
        reduction = reduction_override or self.reduction
        loss = reduce_loss(self.compute(pred, target), harmony, reduction, total if reduction == 'mean' else None)
        return self.loss_weight * loss

    def _harmony(self, length: Tensor, valid: Tensor) -> Tensor:
        """Of the elements that count, 1 over those in the same bin and over the bins that have one; else 0."""
        index = torch.bucketize(length, self.edges[1:-1], right=True)
        counts = index[valid].bincount(minlength=self.bins).to(length)
        filled = counts > 0
        if self.momentum > 0:
            mean = self.momentum * self.acc_sum + (1 - self.momentum) * counts
            self.acc_sum.copy_(torch.where(filled, mean, self.acc_sum))
            counts = self.acc_sum
        return valid / (counts[index] * filled.sum()).where(valid, 1.0)


@MODELS.register_module()
class GHMC(HarmonizedLoss):
    """Of classes: cross entropy of independent sigmoids; arguments as of the base, ``use_sigmoid`` only True."""

    last_edge = 1.0 + 1e-6

    def __init__(
        self,
        bins: int = 10,
        momentum: float = 0,
        use_sigmoid: bool = True,
        loss_weight: float = 1.0,
        reduction: str = 'mean',
    ) -> None:
        super().__init__(bins, momentum, loss_weight, reduction)
        if not use_sigmoid:
            raise ArgumentError('GHMC is defined for use_sigmoid=True only')
        self.use_sigmoid = use_sigmoid

    def forward(  # type: ignore[override]
        self, pred: Tensor, target: Tensor, weight: Tensor | None = None, *args: Any, **kwargs: Any
    ) -> Tensor:
        """Loss of logits (n, C) against labels (n,), C for background, with weights (n,), or both (n, C)."""
        if target.dim() < pred.dim():
            target = one_hot(target, pred.size(1))
            weight = None if weight is None else weight[:, None].expand_as(pred)
        return super().forward(pred, target.to(wide(pred)), weight, *args, **kwargs)

    def gradient(self, pred: Tensor, target: Tensor) -> Tensor:
        """Distances of probabilities from 0 or 1."""
        return (pred.sigmoid() - target).abs()

    def compute(self, pred: Tensor, target: Tensor) -> Tensor:
        """Logits and targets (n, C) -> (n, C)."""
        return F.binary_cross_entropy_with_logits(pred, target, reduction='none')


@MODELS.register_module()
class GHMR(HarmonizedLoss):
    """Of regression: ``sqrt(d^2 + mu^2) - mu`` of differences d; other arguments as of the base.

    Args:
        mu: Difference at which the loss turns from quadratic to linear.
        bins: See :class:`HarmonizedLoss`, as the following.
        momentum: Share of former counts.
        loss_weight: Factor.
        reduction: Likewise.
    """

    last_edge = 1e3

    def __init__(
        self, mu: float = 0.02, bins: int = 10, momentum: float = 0, loss_weight: float = 1.0, reduction: str = 'mean'
    ) -> None:
        super().__init__(bins, momentum, loss_weight, reduction)
        self.mu = mu

    def total(self, weight: Tensor) -> Tensor:
        """Sum of the weights."""
        return weight.sum()

    def gradient(self, pred: Tensor, target: Tensor) -> Tensor:
        """Derivative of the loss without its sign."""
        return (pred - target).abs() / self._root(pred, target)

    def compute(self, pred: Tensor, target: Tensor) -> Tensor:
        """Element-wise loss, same shape."""
        return self._root(pred, target) - self.mu

    def _root(self, pred: Tensor, target: Tensor) -> Tensor:
        return ((pred - target).square() + self.mu**2).sqrt()
