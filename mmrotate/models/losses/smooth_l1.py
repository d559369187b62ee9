"""L1 and smooth L1 losses of encoded boxes."""

from torch import Tensor
from torch.nn import functional as F

from mmrotate.registry import MODELS

from .weighting import WeightedLoss


@MODELS.register_module()
class L1Loss(WeightedLoss):
    """Absolute difference."""

    def compute(self, pred: Tensor, target: Tensor) -> Tensor:
        """``|pred - target|``, same shape."""
        return (pred - target).abs()


@MODELS.register_module()
class SmoothL1Loss(WeightedLoss):
    """Quadratic below ``beta``, linear above (Girshick, Fast R-CNN, ICCV 2015).

    Args:
        beta: Difference at which the two meet; above 0.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: Factor of the result.
    """

    def __init__(self, beta: float = 1.0, reduction: str = 'mean', loss_weight: float = 1.0) -> None:
        super().__init__(reduction, loss_weight)
        if beta <= 0:
            raise ValueError(f'beta must be above 0, got {beta} (L1Loss is its limit)')
        self.beta = beta

    def compute(self, pred: Tensor, target: Tensor) -> Tensor:
        """Element-wise loss, same shape."""
        return F.smooth_l1_loss(pred, target, reduction='none', beta=self.beta)
