"""Losses as functions."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from mmrotate.models.losses import CrossEntropyLoss, FocalLoss, GIoULoss, IoULoss, accuracy, weighted_loss
from mmrotate.models.losses.weighting import reduce_loss as _reduce_weighted


@weighted_loss
def l1_loss(pred: Tensor, target: Tensor) -> Tensor:
    """Absolute difference."""
    return (pred - target).abs()


@weighted_loss
def mse_loss(pred: Tensor, target: Tensor) -> Tensor:
    """Squared difference."""
    return F.mse_loss(pred, target, reduction='none')


@weighted_loss
def smooth_l1_loss(pred: Tensor, target: Tensor, beta: float = 1.0) -> Tensor:
    """Absolute difference, squared below ``beta``."""
    return F.smooth_l1_loss(pred, target, reduction='none', beta=beta)


@weighted_loss
def iou_loss(pred: Tensor, target: Tensor, linear: bool = False, mode: str = 'log', eps: float = 1e-6) -> Tensor:
    """IoU loss of upright boxes (n, 4), see :class:`mmrotate.models.losses.IoULoss`."""
    return IoULoss(mode='linear' if linear else mode, eps=eps, reduction='none')(pred, target)


@weighted_loss
def giou_loss(pred: Tensor, target: Tensor, eps: float = 1e-7) -> Tensor:
    """Generalised IoU loss of upright boxes (n, 4)."""
    return GIoULoss(eps=eps, reduction='none')(pred, target)


def cross_entropy(
    pred: Tensor,
    label: Tensor,
    weight: Tensor | None = None,
    reduction: str = 'mean',
    avg_factor: float | Tensor | None = None,
    class_weight: Sequence[float] | None = None,
    ignore_index: int = -100,
) -> Tensor:
    """Cross entropy of logits (n, C) and labels (n,); labels of ``ignore_index`` cost nothing."""
    rates = None if class_weight is None else pred.new_tensor(class_weight)
    loss = F.cross_entropy(pred, label, weight=rates, reduction='none', ignore_index=ignore_index)
    return _reduce_weighted(loss, weight, reduction, avg_factor)


def binary_cross_entropy(
    pred: Tensor,
    label: Tensor,
    weight: Tensor | None = None,
    reduction: str = 'mean',
    avg_factor: float | Tensor | None = None,
    class_weight: Sequence[float] | None = None,
) -> Tensor:
    """Independent sigmoids (n, C) against labels (n,) or targets (n, C)."""
    loss = CrossEntropyLoss(use_sigmoid=True, class_weight=class_weight, reduction='none')(pred, label)
    return _reduce_weighted(loss, weight, reduction, avg_factor)


def sigmoid_focal_loss(
    pred: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    gamma: float = 2.0,
    alpha: float = 0.25,
    reduction: str = 'mean',
    avg_factor: float | Tensor | None = None,
) -> Tensor:
    """Focal loss of logits (n, C) and labels (n,), of which C is background."""
    loss = FocalLoss(gamma=gamma, alpha=alpha, reduction='none')(pred, target)
    return _reduce_weighted(loss, weight, reduction, avg_factor)


class Accuracy(nn.Module):
    """Share of the rows whose ``topk`` best classes hold the label, in percent.

    Args:
        topk: How many of the best classes count; or several such numbers.
        thresh: Scores below it do not count.
    """

    def __init__(self, topk: int | Sequence[int] = (1,), thresh: float | None = None) -> None:
        super().__init__()
        self.topk, self.thresh = topk, thresh

    def forward(self, pred: Tensor, target: Tensor) -> Tensor | list[Tensor]:
        """Scores (n, C) and labels (n,) -> a number, or a list of one for each of ``topk``."""
        numbers = [self.topk] if isinstance(self.topk, int) else list(self.topk)
        if numbers == [1] and self.thresh is None:
            shares = [accuracy(pred, target)]
        else:
            best, labels = pred.topk(max(numbers), 1)
            right = (labels == target[:, None]) & (best > (-float('inf') if self.thresh is None else self.thresh))
            shares = [right[:, :k].any(1).float().sum() * (100 / max(len(pred), 1)) for k in numbers]
        return shares[0] if isinstance(self.topk, int) else shares
