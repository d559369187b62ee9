"""Losses of horizontal boxes (n, 4) as left, top, right, bottom, beyond their overlap."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from mmrotate.core.bbox import bbox_overlaps
from mmrotate.registry import MODELS
from mmrotate.utils import later

from .boxes import GIoULoss
from .weighting import WeightedLoss


@MODELS.register_module()
class DIoULoss(GIoULoss):
    """1 - overlap, and the distance of the centres over the diagonal around both, squared (Zheng et al., AAAI 2020).

    Arguments as of :class:`GIoULoss`.
    """

    def compute(self, pred: Tensor, target: Tensor, **boxes: Tensor) -> Tensor:
        """Boxes (n, 4) and (n, 4) -> (n,) in [0, 2]."""
        return later.torchvision().ops.distance_box_iou_loss(pred, target, eps=self.eps)


@MODELS.register_module()
class CIoULoss(DIoULoss):
    """The same, and the difference of the aspect ratios where boxes overlap by more than a half.

    Zheng et al., IEEE Transactions on Cybernetics 2021; arguments likewise.
    """

    def compute(self, pred: Tensor, target: Tensor, **boxes: Tensor) -> Tensor:
        """Boxes (n, 4) and (n, 4) -> (n,) in [0, 2]."""
        angles = [torch.atan2(*(b[:, 2:] - b[:, :2] + b.new_tensor([0, self.eps])).T) for b in (target, pred)]
        gap = 4 / math.pi**2 * (angles[0] - angles[1]).square()
        with torch.no_grad():
            overlap = bbox_overlaps(pred, target, is_aligned=True)
            share = (overlap > 0.5) * gap / (1 - overlap + gap).clamp(min=self.eps)
        return (super().compute(pred, target) + share * gap).clamp(max=2)


@MODELS.register_module()
class BoundedIoULoss(WeightedLoss):
    """Smooth L1 of bounds of the overlap, if but one of centre, width and height were wrong.

    Tychsen-Smith and Petersson, CVPR 2018; (n, 4): of x, y, width, height.

    Args:
        beta: Loss at which it turns from quadratic to linear.
        eps: Keeps quotients finite, in px.
        reduction: See :class:`WeightedLoss`.
        loss_weight: Likewise.
    """

    needs_decoded = True
    box_dim = 4

    def __init__(self, beta: float = 0.2, eps: float = 1e-3, reduction: str = 'mean', loss_weight: float = 1.0) -> None:
        super().__init__(reduction, loss_weight)
        self.beta, self.eps = beta, eps

    def compute(self, pred: Tensor, target: Tensor) -> Tensor:
        """Boxes (n, 4) and (n, 4) -> (n, 4)."""
        moved = (target[:, :2] + target[:, 2:] - pred[:, :2] - pred[:, 2:]).abs()  # twice
        own, wanted = pred[:, 2:] - pred[:, :2], target[:, 2:] - target[:, :2]
        of_centres = ((wanted - moved) / (wanted + moved + self.eps)).clamp(min=0)
        of_sides = torch.minimum(wanted / (own + self.eps), own / (wanted + self.eps))
        loss = 1 - torch.cat([of_centres, of_sides], 1)
        return F.smooth_l1_loss(loss, torch.zeros_like(loss), reduction='none', beta=self.beta)
