"""Cross entropy, over softmax or over sigmoids."""

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

from mmrotate.registry import MODELS

from .weighting import WeightedLoss


@MODELS.register_module()
class CrossEntropyLoss(WeightedLoss):
    """Cross entropy of labels.

    Args:
        use_sigmoid: Independent sigmoids (n, C), where a label outside [0, C) is background;
            else a softmax.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        class_weight: Weight of each class.
        loss_weight: Factor of the result.
    """

    def __init__(
        self,
        use_sigmoid: bool = False,
        reduction: str = 'mean',
        class_weight: Sequence[float] | None = None,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(reduction, loss_weight)
        self.use_sigmoid = use_sigmoid
        self.class_weight = class_weight

    def compute(self, pred: Tensor, target: Tensor) -> Tensor:
        """Logits (n, C) and labels (n,) -> (n, C) for sigmoids, (n,) for a softmax."""
        weight = None if self.class_weight is None else pred.new_tensor(self.class_weight)
        if not self.use_sigmoid:
            return F.cross_entropy(pred, target, weight=weight, reduction='none')
        if target.dim() == 1:
            classes = pred.size(1)
            foreground = (target >= 0) & (target < classes)
            target = F.one_hot(target.where(foreground, classes), classes + 1)[:, :-1]
        return F.binary_cross_entropy_with_logits(pred, target.to(pred.dtype), pos_weight=weight, reduction='none')
