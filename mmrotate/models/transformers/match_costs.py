"""What it costs to take a prediction for an object."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from mmrotate.core.bbox import obb2poly, rbbox_overlaps
from mmrotate.models.losses import GDLoss
from mmrotate.registry import TASK_UTILS
from mmrotate.utils.errors import ArgumentError

Size = Sequence[float] | Tensor


class MatchCost:
    """Base of the costs.

    Args:
        weight: Factor of the cost.
    """

    def __init__(self, weight: float = 1.0) -> None:
        self.weight = weight

    def __call__(self, scores: Tensor, boxes: Tensor, gt_bboxes: Tensor, gt_labels: Tensor, size: Size) -> Tensor:
        """Costs (..., n, m) of predictions and objects, of an image or of several.

        Args:
            scores: Logits (..., n, C).
            boxes: Predicted boxes (..., n, 5) in pixels.
            gt_bboxes: Boxes (..., m, 5) of the objects.
            gt_labels: Their labels (..., m).
            size: Width and height of the image, or (..., 2) of each.
        """
        return self.weight * self.of_boxes(boxes, gt_bboxes, size)

    def of_boxes(self, boxes: Tensor, gt_bboxes: Tensor, size: Size) -> Tensor:
        """Costs (..., n, m) of boxes (..., n, 5) and (..., m, 5)."""
        raise NotImplementedError


def _unit(size: Size, like: Tensor, last: float) -> Tensor:
    """What the numbers of a box are shares of, (..., 1, 5): the sides of the image twice, and ``last``."""
    sides = torch.as_tensor(size, dtype=like.dtype, device=like.device)
    return torch.cat([sides, sides, torch.full_like(sides[..., :1], last)], -1)[..., None, :]


class _OfBoxes(MatchCost):
    """Base of the costs with a ``box_format``, which can only be ``'xywha'``."""

    def __init__(self, box_format: str = 'xywha', weight: float = 1.0) -> None:
        super().__init__(weight)
        if box_format != 'xywha':
            raise ArgumentError(f"box_format must be 'xywha', got {box_format!r}")


@TASK_UTILS.register_module()
class FocalLossCost(MatchCost):
    """What the focal loss of the object's class gains by it.

    Args:
        alpha: Weight of objects, 1 - alpha of background.
        gamma: Exponent that plays down what is easy.
        eps: Smallest probability.
        weight: Factor.
    """

    def __init__(self, alpha: float = 0.25, gamma: float = 2.0, eps: float = 1e-12, weight: float = 1.0) -> None:
        super().__init__(weight)
        self.alpha, self.gamma, self.eps = alpha, gamma, eps

    def __call__(self, scores: Tensor, boxes: Tensor, gt_bboxes: Tensor, gt_labels: Tensor, size: Size) -> Tensor:
        """See the base."""
        found = scores.float().sigmoid()
        as_object = -(found + self.eps).log() * self.alpha * (1 - found) ** self.gamma
        as_none = -(1 - found + self.eps).log() * (1 - self.alpha) * found**self.gamma
        gain = as_object - as_none
        return self.weight * gain.gather(-1, gt_labels[..., None, :].expand(*gain.shape[:-1], -1))


@TASK_UTILS.register_module()
class RBoxL1Cost(_OfBoxes):
    """Differences of the five numbers, in shares of the image and of ``angle_factor``.

    Args:
        box_format: Only ``'xywha'``.
        angle_factor: Radians that count as 1.
        weight: Factor.
    """

    def __init__(self, box_format: str = 'xywha', angle_factor: float = math.pi, weight: float = 1.0) -> None:
        super().__init__(box_format, weight)
        self.angle_factor = angle_factor

    def of_boxes(self, boxes: Tensor, gt_bboxes: Tensor, size: Size) -> Tensor:
        """See the base."""
        unit = _unit(size, boxes, self.angle_factor)
        return torch.cdist(boxes / unit, gt_bboxes / unit, p=1)


@TASK_UTILS.register_module()
class GDCost(MatchCost):
    """Distance of the boxes as normal distributions; arguments as of :class:`GDLoss`.

    Args:
        loss_type: See there, as all but the weight.
        representation: Only ``'xy_wh_r'``.
        fun: See there.
        tau: See there.
        alpha: See there.
        weight: Factor.
        normalize: See there.
        sqrt: See there.
    """

    def __init__(
        self,
        loss_type: str,
        representation: str = 'xy_wh_r',
        fun: str = 'log1p',
        tau: float = 0.0,
        alpha: float = 1.0,
        weight: float = 1.0,
        *,
        normalize: bool = True,
        sqrt: bool = True,
    ) -> None:
        super().__init__(weight)
        if representation != 'xy_wh_r':
            raise ArgumentError(f"representation must be 'xy_wh_r': predictions are boxes, got {representation!r}")
        self.loss = GDLoss(loss_type, representation, fun, tau, alpha, normalize=normalize, sqrt=sqrt)

    def of_boxes(self, boxes: Tensor, gt_bboxes: Tensor, size: Size) -> Tensor:
        """See the base."""
        return self.loss.compute(boxes[..., :, None, :], gt_bboxes[..., None, :, :])


class _OfCorners(_OfBoxes):
    """Base of the costs of corners, of boxes whose centres and sides are in shares of the image."""

    def of_boxes(self, boxes: Tensor, gt_bboxes: Tensor, size: Size) -> Tensor:
        """See the base."""
        unit = _unit(size, boxes, 1)
        first, second = (obb2poly(each / unit).unflatten(-1, (4, 2)) for each in (boxes, gt_bboxes))
        # (..., n, m, 4, 4)
        gap = (first[..., :, None, :, None, :] - second[..., None, :, None, :, :]).square().sum(-1).sqrt()
        return self.of_gaps(gap.amin(-1), gap.amin(-2))

    def of_gaps(self, there: Tensor, back: Tensor) -> Tensor:
        """Costs (..., n, m) by the distances (..., n, m, 4) of each corner to the other box, both ways."""
        raise NotImplementedError


@TASK_UTILS.register_module()
class ChamferCost(_OfCorners):
    """Mean distance of a corner to the nearest of the other box, both ways added (O2-RTDETR, 2026)."""

    def of_gaps(self, there: Tensor, back: Tensor) -> Tensor:
        """See the base."""
        return there.mean(-1) + back.mean(-1)


@TASK_UTILS.register_module()
class HausdorffCost(_OfCorners):
    """Largest distance of a corner to the nearest of the other box (Lee et al., RHINO, WACV 2025)."""

    def of_gaps(self, there: Tensor, back: Tensor) -> Tensor:
        """See the base."""
        return torch.maximum(there.amax(-1), back.amax(-1))


@TASK_UTILS.register_module()
class RotatedIoUCost(MatchCost):
    """Overlap of the boxes, as a gain.

    Args:
        iou_mode: See :func:`rbbox_overlaps`.
        weight: Factor.
    """

    def __init__(self, iou_mode: str = 'iou', weight: float = 1.0) -> None:
        super().__init__(weight)
        self.iou_mode = iou_mode

    def of_boxes(self, boxes: Tensor, gt_bboxes: Tensor, size: Size) -> Tensor:
        """See the base."""
        if boxes.dim() > 2:
            return torch.stack([self.of_boxes(*image, size) for image in zip(boxes, gt_bboxes, strict=True)])
        return -rbbox_overlaps(boxes, gt_bboxes, self.iou_mode)
