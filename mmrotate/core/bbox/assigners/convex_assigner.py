"""Assignment of points to objects as quadrilaterals."""

import torch
from torch import Tensor

from mmrotate.ops.opaque import Owner
from mmrotate.registry import TASK_UTILS

from ..transforms import circumscribed
from .max_iou_assigner import CHUNK, AssignResult, as_operation

# smaller sides of objects count as this, in pixels
_TINY = 1e-6


@TASK_UTILS.register_module()
class ConvexAssigner(Owner):
    """Assigns the points nearest to the centre of an object, on the level of its size.

    The first stage of RepPoints (Yang et al., ICCV 2019, section 3.2).

    Args:
        scale: Objects whose horizontal box has sides of ``scale`` strides are of that level.
        pos_num: Points of an object.
    """

    def __init__(self, scale: float = 4, pos_num: int = 3) -> None:
        self.scale, self.pos_num = scale, pos_num

    @as_operation
    @torch.no_grad()
    def assign(
        self,
        points: Tensor,
        gt_rbboxes: Tensor,
        gt_rbboxes_ignore: Tensor | None = None,
        gt_labels: Tensor | None = None,
        overlaps: Tensor | None = None,
    ) -> AssignResult:
        """Assign points (n, 3 or more): x, y and stride in pixels, to objects: corners (m, 8), of classes (m,).

        Each point goes to the object whose centre is nearest in its units. Boxes to ignore play no part:
        background points do not count in this stage. Nor do ``overlaps``, an argument of 0.x.
        """
        n, m = len(points), len(gt_rbboxes)
        low, high = self.get_horizontal_bboxes(gt_rbboxes.float()).split(2, 1)
        sides = (high - low).clamp(min=_TINY)
        xy, level = points[:, :2].float(), points[:, 2].log2().round()
        gt_level = (sides / self.scale).log2().mean(1).trunc()
        if n and m:
            gt_level = gt_level.clamp(level.min(), level.max())
        pairs = []
        for part in torch.arange(m, device=points.device).split(max(CHUNK // max(2 * n, 1), 1)):
            centre, side = (low + high)[part, None] / 2, sides[part, None]
            distance = ((xy - centre) / side).norm(dim=-1)
            distance = distance.where(level == gt_level[part, None], torch.inf)
            near, priors = distance.topk(min(self.pos_num, n), largest=False)
            gts = part[:, None].expand_as(priors)
            there = near.isfinite()
            pairs.append((priors[there], gts[there], 1 / (1 + near[there])))
        priors, gts, values = (torch.cat(x) for x in zip(*pairs, strict=True))
        return AssignResult.of_pairs((n, m), (priors, gts), values, gt_labels)

    def get_horizontal_bboxes(self, gt_rbboxes: Tensor) -> Tensor:
        """Circumscribed boxes (m, 4) of corners (m, 8): their centres and sides are those of the objects."""
        return circumscribed(gt_rbboxes)
