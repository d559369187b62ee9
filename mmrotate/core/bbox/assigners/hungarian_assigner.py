"""Assignment one to one, at the least total cost."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mmrotate.ops import linear_sum_assignment
from mmrotate.ops.opaque import Owner, opaque
from mmrotate.registry import TASK_UTILS
from mmrotate.utils.errors import ArgumentError

from .max_iou_assigner import AssignResult

# pairs of a prediction and an object whose costs are computed at once
_PAIRS_AT_ONCE = 2_000_000


@TASK_UTILS.register_module()
class HungarianAssigner(Owner):
    """Each object gets one prediction, so that the sum of the costs is least (Carion et al., DETR, ECCV 2020).

    Args:
        match_costs: Configs of the costs, which are added.
    """

    def __init__(self, match_costs: Sequence[dict] | dict) -> None:
        configs = [match_costs] if isinstance(match_costs, dict) else match_costs
        if not configs:
            raise ArgumentError('match_costs must name at least one cost')
        self.match_costs = [TASK_UTILS.build(cfg) for cfg in configs]

    def costs(
        self, scores: Tensor, boxes: Tensor, gt_bboxes: Tensor, gt_labels: Tensor, size: Sequence[float] | Tensor
    ) -> Tensor:
        """Costs (..., n, m) of predictions and objects, of an image as for :meth:`assign` or of several."""
        facts = (scores.float(), boxes.float(), gt_bboxes.float(), gt_labels, size)
        return torch.stack([cost(*facts) for cost in self.match_costs]).sum(0)

    def assign(
        self, scores: Tensor, boxes: Tensor, gt_bboxes: Tensor, gt_labels: Tensor, size: Sequence[float]
    ) -> AssignResult:
        """Assign predictions to objects.

        Args:
            scores: Logits (n, C).
            boxes: Predicted boxes (n, 5) in pixels.
            gt_bboxes: Boxes (m, 5) of the objects.
            gt_labels: Their labels (m,).
            size: Width and height of the image.
        """
        truth = [gt_bboxes], [gt_labels], [torch.as_tensor(size)]
        owner = self.assign_batch(scores[None], boxes[None], *truth)[0][0]
        return AssignResult.of(len(gt_bboxes), owner, torch.zeros_like(owner, dtype=torch.float32), gt_labels)

    @opaque(lambda _, scores, *__: [scores.new_empty(scores.shape[:2], dtype=torch.long)])
    @torch.no_grad()
    def assign_batch(
        self,
        scores: Tensor,
        boxes: Tensor,
        gt_bboxes: Sequence[Tensor],
        gt_labels: Sequence[Tensor],
        sizes: Sequence[Tensor],
    ) -> list[Tensor]:
        """The same for the images of a batch: one tensor (N, Q), the object plus one, or 0 for background.

        Args:
            scores: Logits (N, Q, C).
            boxes: Predicted boxes (N, Q, 5) in pixels.
            gt_bboxes: Boxes (m, 5) of the objects of each image.
            gt_labels: Their labels (m,).
            sizes: Width and height (2,) of each image.
        """
        counts = [len(each) for each in gt_bboxes]
        owner = torch.zeros(scores.shape[:2], dtype=torch.long)
        block = max(1, _PAIRS_AT_ONCE // max(1, max(counts) * scores.size(1)))
        for first in range(0, len(counts) if any(counts) else 0, block):
            some = slice(first, first + block)
            objects, labels = (pad_sequence(list(each[some]), batch_first=True) for each in (gt_bboxes, gt_labels))
            costs = self.costs(scores[some], boxes[some], objects, labels, torch.stack(list(sizes[some]))).cpu()
            for row, cost, count in zip(owner[some], costs, counts[some], strict=True):
                queries, columns = linear_sum_assignment(cost[:, :count])
                row[queries] = columns + 1
        return [owner.to(scores.device)]


@TASK_UTILS.register_module()
class DNGroupHungarianAssigner(HungarianAssigner):
    """Which noised queries hold their objects against the queries without noise (Lee et al., RHINO, WACV 2025).

    Args:
        match_costs: See the base.
    """

    @torch.no_grad()
    def held(self, groups: int, scores: Tensor, boxes: Tensor, *truth: Tensor) -> Tensor:
        """Mask (groups, m) of the noised queries that get their own object.

        Args:
            groups: Groups of noised queries, each of which meets the others by itself.
            scores: Logits (groups * m + n, C), those of noised queries first, in the order of the objects.
            boxes: Boxes of them, likewise.
            *truth: The last arguments of :meth:`assign`.
        """
        (held,) = self._held(groups, scores, boxes, *truth)
        return held

    @opaque(lambda _, groups, scores, __, objects, *___: [scores.new_empty(groups, objects.size(0), dtype=torch.bool)])
    def _held(self, groups: int, scores: Tensor, boxes: Tensor, *truth: Tensor) -> list[Tensor]:
        costs = self.costs(scores, boxes, *truth)
        m = costs.size(1)
        noised, others = costs.split([groups * m, len(costs) - groups * m])
        held = torch.zeros(groups, m, dtype=torch.bool, device=costs.device)
        for own, group in zip(held, noised.chunk(groups) if m else (), strict=False):
            rows, columns = linear_sum_assignment(torch.cat([group, others]))
            own[rows[rows == columns]] = True
        return [held]
