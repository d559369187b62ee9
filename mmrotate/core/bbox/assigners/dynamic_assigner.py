"""Assignment by what the predictions cost, with as many priors for an object as its predictions deserve."""

import torch
from torch import Tensor
from torch.nn import functional as F

from mmrotate.registry import TASK_UTILS
from mmrotate.utils.errors import ArgumentError

from ..builder import build_iou_calculator
from ..transforms import along_sides
from .max_iou_assigner import AssignResult

# pairs of a prior and an object held at once: 16 MB of float32 for each of some ten tensors
_PAIRS = 4_000_000
_EPS = 1e-7  # of an overlap, for its logarithm
_MARGIN = 0.01  # px that a prior must be inside


@TASK_UTILS.register_module()
class DynamicSoftLabelAssigner:
    """The priors of least cost, as many as the sum of an object's best overlaps (Lyu et al., RTMDet, 2022).

    Priors inside of any object take part. The cost of a pair is that of the classes, whose label is the overlap, plus
    ``iou_weight`` times that of the overlap, plus ``10 ** (distance / stride - soft_center_radius)``. Of several
    objects the one of least cost has the prior. Objects are worked on in blocks, so that thousands fit in memory.

    Args:
        soft_center_radius: Distance from the object's centre, in strides, from which the cost grows steeply.
        topk: Overlaps that are summed.
        iou_weight: Weight of the overlap.
        iou_calculator: Config of the overlaps.
    """

    def __init__(
        self,
        soft_center_radius: float = 3.0,
        topk: int = 13,
        iou_weight: float = 3.0,
        iou_calculator: dict | None = None,
    ) -> None:
        if topk < 1:
            raise ArgumentError(f'topk must be at least 1, got {topk}')
        self.soft_center_radius, self.topk, self.iou_weight = soft_center_radius, topk, iou_weight
        self.iou_calculator = build_iou_calculator(iou_calculator or dict(type='RBboxOverlaps2D'))

    @torch.no_grad()
    def assign(
        self,
        pred_scores: Tensor,
        priors: Tensor,
        decoded_bboxes: Tensor,
        gt_bboxes: Tensor,
        gt_labels: Tensor,
        gt_bboxes_ignore: Tensor | None = None,
    ) -> AssignResult:
        """Assign priors to objects.

        Args:
            pred_scores: Logits (n, C).
            priors: (n, 3 or more) as x, y, stride in pixels.
            decoded_bboxes: Predicted boxes (n, 5).
            gt_bboxes: (m, 5).
            gt_labels: (m,).
            gt_bboxes_ignore: Boxes (k, 5); priors in them count as background.

        Returns:
            The result, whose ``max_overlaps`` are those of a prior with its object, 0 without one.
        """
        n, m = len(priors), len(gt_bboxes)
        gt_bboxes, overlaps = gt_bboxes.float(), priors.new_zeros(n, dtype=torch.float32)
        owner = torch.zeros(n, dtype=torch.long, device=priors.device)
        inside = self._inside(priors, gt_bboxes)
        if len(inside):
            scores, places, boxes = (field[inside].float() for field in (pred_scores, priors, decoded_bboxes))
            taken, gts, values = self._match(scores, places, boxes, gt_bboxes, gt_labels)
            owner[inside[taken]], overlaps[inside[taken]] = gts + 1, values
        return AssignResult.of(m, owner, overlaps, gt_labels)

    @staticmethod
    def _inside(priors: Tensor, gt_bboxes: Tensor) -> Tensor:
        """Indices (v,) of the priors inside of any object."""
        found = torch.zeros(len(priors), dtype=torch.bool, device=priors.device)
        for boxes in gt_bboxes.split(_block(len(priors))):
            along, across = along_sides(priors[:, None].float(), boxes)
            reach = boxes[:, 2:4] / 2 - _MARGIN
            found |= ((along.abs() <= reach[:, 0]) & (across.abs() <= reach[:, 1])).any(1)
        return found.nonzero().squeeze(1)

    def _match(
        self, scores: Tensor, priors: Tensor, boxes: Tensor, gt_bboxes: Tensor, gt_labels: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Of v priors that take part the taken ones (p,), by their indices, their objects (p,) and overlaps (p,)."""
        v, cheapest = len(priors), scores.new_full((len(priors),), torch.inf)
        nearest = torch.zeros(v, dtype=torch.long, device=scores.device)
        background, wishes, start = _background(scores).sum(1), [], 0
        for part in torch.arange(len(gt_bboxes), device=scores.device).split(_block(v)):
            ious = self.iou_calculator(gt_bboxes[part], boxes)
            cost = self._cost(ious, scores, background, priors, gt_bboxes[part], gt_labels[part])
            counts = ious.topk(min(self.topk, v), 1).values.sum(1).int().clamp(min=1)
            best = cost.topk(min(self.topk, v), 1, largest=False).indices
            chosen = torch.arange(best.size(1), device=best.device) < counts[:, None]
            wishes.append(torch.stack([best[chosen], part[chosen.nonzero()[:, 0]]]))
            least, index = cost.min(0)
            nearest = torch.where(least < cheapest, index + start, nearest)
            cheapest, start = torch.minimum(least, cheapest), start + len(part)
        wanted, gts = torch.cat(wishes, 1)
        count = wanted.bincount(minlength=v)
        owner = torch.zeros_like(nearest).index_put((wanted,), gts)
        owner = torch.where(count > 1, nearest, owner)
        taken = count.nonzero().squeeze(1)
        owner = owner[taken]
        return taken, owner, self.iou_calculator(gt_bboxes[owner], boxes[taken], is_aligned=True)

    def _cost(
        self, ious: Tensor, scores: Tensor, background: Tensor, priors: Tensor, gt_bboxes: Tensor, gt_labels: Tensor
    ) -> Tensor:
        """Costs (m, v) of pairs of overlaps (m, v); ``background`` (v,) is that of no class."""
        logits = scores.T[gt_labels]
        # of the object's class the cost of the label, of the others that of the background
        as_object = F.binary_cross_entropy_with_logits(logits, ious, reduction='none')
        as_object *= (ious - logits.sigmoid()).square()
        classes = as_object + background - _background(logits)
        distance = torch.cdist(gt_bboxes[:, :2], priors[:, :2], compute_mode='donot_use_mm_for_euclid_dist')
        centre = torch.pow(10, distance / priors[:, 2] - self.soft_center_radius)
        return classes - (ious + _EPS).log() * self.iou_weight + centre


def _background(logits: Tensor) -> Tensor:
    """What logits cost where there is no object."""
    return F.softplus(logits) * logits.sigmoid().square()


def _block(priors: int) -> int:
    """Objects that are worked on at once."""
    return max(_PAIRS // max(priors, 1), 1)
