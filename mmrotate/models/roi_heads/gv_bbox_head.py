"""The box head of Gliding Vertex: horizontal boxes, and where rotated ones touch them."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmrotate.core import hbb2obb, obb2xyxy
from mmrotate.core.bbox import SamplingResult, build_bbox_coder
from mmrotate.registry import MODELS

from .bbox_head import RoITargets, RotatedConvFCBBoxHead


@MODELS.register_module()
class GVBBoxHead(RotatedConvFCBBoxHead):
    """Box head of Gliding Vertex (Xu et al., TPAMI 2021).

    A box is found by its circumscribed horizontal box, the shares of its sides that lie before
    the four corners, and the share of its area that the object fills: a fuller one is horizontal.

    Args:
        *args: See :class:`RotatedConvFCBBoxHead`.
        version: Angle version of the boxes.
        ratio_thr: Objects that fill more than this share are horizontal, in [0, 1].
        fix_coder: Config of the coder of the corners.
        ratio_coder: Config of the coder of the filled share.
        loss_fix: Not used: MMRotate 0.x took ``loss_bbox`` for all three regressions, and the
            published figures of configs that name another loss here come from that.
        loss_ratio: Likewise.
        **kwargs: See :class:`RotatedConvFCBBoxHead`.
    """

    bbox_dim = 4
    stds = (*RotatedConvFCBBoxHead.stds, ('fc_fix', 0.001), ('fc_ratio', 0.001))

    def __init__(
        self,
        *args: Any,
        version: str = 'oc',
        ratio_thr: float = 0.8,
        fix_coder: dict | None = None,
        ratio_coder: dict | None = None,
        loss_fix: dict | None = None,
        loss_ratio: dict | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault('bbox_coder', dict(type='DeltaXYWHBBoxCoder'))
        super().__init__(*args, **kwargs)
        if getattr(self.loss_bbox, 'needs_decoded', False):
            raise ValueError(
                f'GVBBoxHead takes loss_bbox for corners and shares too, but '
                f'{type(self.loss_bbox).__name__} is a loss of boxes: choose one of deltas'
            )
        self.version, self.ratio_thr = version, ratio_thr
        self.fix_coder = build_bbox_coder(fix_coder or dict(type='GVFixCoder', angle_range=version))
        self.ratio_coder = build_bbox_coder(ratio_coder or dict(type='GVRatioCoder', angle_range=version))
        width = self.fc_reg.in_features
        self.fc_fix = nn.Linear(width, 4 * self._boxes)
        self.fc_ratio = nn.Linear(width, self._boxes)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """RoI features (n, C, s, s) -> scores, deltas, corners and filled shares.

        The last two lie in (0, 1): (n, 4 or classes * 4) and (n, 1 or classes).
        """
        x = self._shared(x)
        return self.fc_cls(x), self.fc_reg(x), self.fc_fix(x).float().sigmoid(), self.fc_ratio(x).float().sigmoid()

    def _boxes_to_regress(self, gt_bboxes: Tensor) -> Tensor:
        return obb2xyxy(gt_bboxes, self.version)

    def get_targets(self, samples: list[SamplingResult], cfg: dict) -> RoITargets:
        """Those of the base; corners (p, 4) and filled shares (p, 1) of the positive proposals."""
        objects = torch.cat([sample.pos_gt_bboxes for sample in samples])
        extra = self.fix_coder.encode(objects), self.ratio_coder.encode(objects)
        return *super().get_targets(samples, cfg), *extra

    def loss(self, preds: Sequence[Tensor], rois: Tensor, targets: RoITargets) -> dict[str, Tensor]:
        """Losses of the base, and ``loss_fix`` and ``loss_ratio``."""
        losses = super().loss(preds, rois, targets)
        labels = targets[0]
        pos = (labels < self.num_classes).nonzero().squeeze(1)
        for name, pred, target in zip(('loss_fix', 'loss_ratio'), preds[2:], targets[-2:], strict=True):
            losses[name] = self.loss_bbox(self._of_class(pred[pos], labels[pos]), target, avg_factor=len(labels))
        return losses

    def _decode(self, preds: Sequence[Tensor], rois: Tensor, max_shape: Sequence[int], scale: Tensor) -> Tensor:
        _, deltas, fix, ratio = preds
        boxes = self.bbox_coder.decode(rois[:, 1:], deltas.float(), max_shape=max_shape)
        # corners are shares of the sides: scaled first, they need no second look at the polygon
        boxes = boxes.unflatten(1, (-1, 4)) / scale
        sliding = self.fix_coder.decode(boxes.flatten(1), fix).unflatten(1, (-1, 5))
        full = ratio[..., None] > self.ratio_thr
        return torch.where(full, hbb2obb(boxes, self.version), sliding)
