"""Four deltas between horizontal boxes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mmrotate.registry import TASK_UTILS

from .base import (
    WH_RATIO_CLIP,
    DeltaCoder,
    centre_and_size_deltas,
    decode_offsets,
    decode_sides,
    same_count,
    xyxy_to_cxcywh,
)


@TASK_UTILS.register_module()
class DeltaXYWHBBoxCoder(DeltaCoder):
    """Deltas (dx, dy, dw, dh) between horizontal boxes (Girshick et al., R-CNN, CVPR 2014).

    Args:
        target_means: Mean of each delta.
        target_stds: Standard deviation of each delta.
        clip_border: Clip decoded boxes to the image.
        add_ctr_clamp: Limit the centre offset to ``ctr_clamp``.
        ctr_clamp: In pixels.
    """

    prior_dim = 4

    def __init__(
        self,
        target_means: Sequence[float] = (0.0, 0.0, 0.0, 0.0),
        target_stds: Sequence[float] = (1.0, 1.0, 1.0, 1.0),
        clip_border: bool = True,
        add_ctr_clamp: bool = False,
        ctr_clamp: int = 32,
    ) -> None:
        super().__init__(target_means, target_stds)
        self.clip_border = clip_border
        self.ctr_clamp = ctr_clamp if add_ctr_clamp else None

    def encode(self, bboxes: Tensor, gt_bboxes: Tensor) -> Tensor:
        """Deltas (n, 4) that take the priors (n, 4) to the boxes (n, 4), as corners."""
        same_count(bboxes, gt_bboxes)
        prior, box = (xyxy_to_cxcywh(b.float()) for b in (bboxes, gt_bboxes))
        deltas = centre_and_size_deltas(prior, box[:2], box[2:])
        return self._normalize(torch.stack(deltas, -1))

    def decode(
        self,
        bboxes: Tensor,
        pred_bboxes: Tensor,
        max_shape: Sequence[int] | None = None,
        wh_ratio_clip: float = WH_RATIO_CLIP,
    ) -> Tensor:
        """Boxes (n, k * 4) of priors (n, 4) and deltas (n, k * 4), as corners.

        Args:
            bboxes: Priors.
            pred_bboxes: Deltas.
            max_shape: Height and width of the image, for ``clip_border``.
            wh_ratio_clip: Sides change by at most a factor ``1 / wh_ratio_clip``.
        """
        same_count(bboxes, pred_bboxes)
        px, py, pw, ph = (p[:, None] for p in xyxy_to_cxcywh(bboxes.float()))
        dx, dy, dw, dh = self._denormalize(pred_bboxes.float()).unbind(-1)
        w, h = decode_sides((pw, ph), (dw, dh), wh_ratio_clip)
        dx, dy = decode_offsets((pw, ph), (dx, dy), self.ctr_clamp)
        x, y = px + dx, py + dy
        boxes = torch.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], -1)
        if self.clip_border and max_shape is not None:
            height, width = max_shape[:2]
            boxes = boxes.clamp(min=0).minimum(boxes.new_tensor([width, height] * 2))
        return boxes.flatten(1)
