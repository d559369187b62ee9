"""Losses between what is seen of an object in several views: the angle is learned from them (H2RBox)."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from mmrotate.models.builder import build_loss
from mmrotate.registry import MODELS

from .weighting import REDUCTIONS, Divisor, one_of, reduce_loss


@MODELS.register_module()
class H2RBoxConsistencyLoss(nn.Module):
    """Boxes of a turned view against those of the first, turned (Yang et al., H2RBox, ICLR 2023).

    Centres, sides and angles are compared; of the two ways to say a rectangle, sides as they are or swapped with the
    angle a quarter turn away, the nearer one counts.

    Args:
        center_loss_cfg: Loss of the centres; by default of weight 0.
        shape_loss_cfg: Loss of the sides, as upright boxes with one centre.
        angle_loss_cfg: Loss of the sine, or cosine, of the difference of the angles.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: Factor of the result.
        as_published: Choose one way for all boxes of a call, as the published models did; False: for each box, without
            which small trainings end with every second box mirrored.
    """

    def __init__(
        self,
        center_loss_cfg: dict | None = None,
        shape_loss_cfg: dict | None = None,
        angle_loss_cfg: dict | None = None,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
        as_published: bool = True,
    ) -> None:
        super().__init__()
        self.center_loss = build_loss(center_loss_cfg or dict(type='L1Loss', loss_weight=0.0))
        self.shape_loss = build_loss(shape_loss_cfg or dict(type='IoULoss'))
        self.angle_loss = build_loss(angle_loss_cfg or dict(type='L1Loss'))
        self.reduction, self.loss_weight = one_of('reduction', reduction, REDUCTIONS), loss_weight
        self.as_published = as_published

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        avg_factor: Divisor = None,
        reduction_override: str | None = None,
    ) -> Tensor:
        """Loss of boxes (n, 5) against (n, 5), under weights (n,)."""
        reduction = reduction_override or self.reduction
        how: dict[str, Any] = dict(weight=weight, avg_factor=avg_factor, reduction_override=reduction)
        if not self.as_published:
            how.update(avg_factor=None, reduction_override='none')
        zero = torch.zeros_like(pred[:, 4])
        gap, sides = pred[:, 4] - target[:, 4], pred[:, 2:4]
        wanted = torch.cat([-target[:, 2:4], target[:, 2:4]], 1)
        ways = [
            self.shape_loss(torch.cat([-own, own], 1), wanted, **how) + self.angle_loss(turned, zero, **how)
            for own, turned in ((sides, gap.sin()), (sides.flip(1), gap.cos()))
        ]
        if weight is not None:
            how['weight'] = weight[:, None]
        center = self.center_loss(pred[:, :2], target[:, :2], **how)
        if center.dim():
            center = center.sum(1)
        loss = self.loss_weight * (center + torch.minimum(*ways))
        return loss if self.as_published else reduce_loss(loss, None, reduction, avg_factor)


@MODELS.register_module()
class H2RBoxV2ConsistencyLoss(nn.Module):
    """Angles of an object in an image, its turned and its mirrored view (Yu et al., H2RBox-v2, NeurIPS 2023).

    The turned view shall differ by the turn, and the mirrored one by the sign.

    Args:
        loss_rot: Loss of what the turned view is off by.
        loss_flp: Loss of what the mirrored view is off by.
        use_snap_loss: Count half turns as nothing.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
    """

    def __init__(
        self,
        loss_rot: dict | None = None,
        loss_flp: dict | None = None,
        use_snap_loss: bool = True,
        reduction: str = 'mean',
    ) -> None:
        super().__init__()
        self.loss_rot = build_loss(loss_rot or dict(type='SmoothL1Loss', beta=0.1))
        self.loss_flp = build_loss(loss_flp or dict(type='SmoothL1Loss', beta=0.1, loss_weight=0.05))
        self.use_snap_loss, self.reduction = use_snap_loss, one_of('reduction', reduction, REDUCTIONS)

    def forward(
        self,
        pred_ori: Tensor,
        pred_rot: Tensor,
        pred_flp: Tensor,
        target_ori: Tensor,
        target_rot: Tensor,
        agnostic_mask: Tensor | None = None,
        avg_factor: Divisor = None,
        reduction_override: str | None = None,
    ) -> Tensor:
        """Loss of angles (n,) in the three views, where the labels' are (n,) in the first two.

        ``agnostic_mask`` (n,) are the objects without a direction, which cost nothing.
        """
        gaps = torch.stack([pred_ori - pred_rot - (target_ori - target_rot), pred_ori + pred_flp])
        if self.use_snap_loss:
            gaps = (gaps + math.pi / 2) % math.pi - math.pi / 2
        if agnostic_mask is not None:
            gaps = gaps.masked_fill(agnostic_mask, 0)
        how: dict[str, Any] = dict(avg_factor=avg_factor, reduction_override=reduction_override or self.reduction)
        losses = zip((self.loss_rot, self.loss_flp), gaps, strict=True)
        rot, flp = (loss(gap, torch.zeros_like(gap), **how) for loss, gap in losses)
        return rot + flp
