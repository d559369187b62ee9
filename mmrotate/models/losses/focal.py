"""Focal loss."""

from torch import Tensor

from mmrotate.ops import sigmoid_focal_loss
from mmrotate.registry import MODELS

from .weighting import WeightedLoss


@MODELS.register_module()
class FocalLoss(WeightedLoss):
    """Sigmoid focal loss (Lin et al., ICCV 2017).

    Args:
        use_sigmoid: Only True is defined.
        gamma: Exponent that plays down easy samples.
        alpha: Weight of the positive class, 1 - alpha of the negative.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: Factor of the result.
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
            raise ValueError('FocalLoss is defined for use_sigmoid=True only')
        self.use_sigmoid = use_sigmoid
        self.gamma = gamma
        self.alpha = alpha

    def compute(self, pred: Tensor, target: Tensor) -> Tensor:
        """Logits (n, C) and labels (n,), C for background, or targets (n, C) -> (n, C)."""
        return sigmoid_focal_loss(pred, target, self.gamma, self.alpha, reduction='none')


@MODELS.register_module()
class SmoothFocalLoss(FocalLoss):
    """Focal loss of soft targets (n, C) in [0, 1], as circular smooth labels are.

    Args:
        gamma: Exponent that plays down easy samples.
        alpha: Weight of the positive class, 1 - alpha of the negative.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: Factor of the result.
    """

    def __init__(
        self, gamma: float = 2.0, alpha: float = 0.25, reduction: str = 'mean', loss_weight: float = 1.0
    ) -> None:
        super().__init__(True, gamma, alpha, reduction, loss_weight)
