"""The box head of Gliding Vertex: horizontal boxes, and where rotated ones touch them."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmrotate.core import hbb2obb, multiclass_nms_rotated, obb2xyxy
from mmrotate.core.bbox import SamplingResult, build_bbox_coder
from mmrotate.models.losses import loss_of_rows, over_processes
from mmrotate.models.settings import RESULT_KEYS, with_keys
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

from .bbox_head import RoITargets
from .convfc_bbox_head import RotatedConvFCBBoxHead


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
    outputs = (*RotatedConvFCBBoxHead.outputs, 'fix_pred', 'ratio_pred')
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
        usual = dict(num_shared_fcs=2) if len(args) < 2 else {}
        super().__init__(*args, **usual | dict(bbox_coder=dict(type='DeltaXYWHBBoxCoder')) | kwargs)
        if not (self.with_cls and self.with_reg):
            raise ArgumentError('GVBBoxHead predicts classes and boxes: with_cls and with_reg must be True')
        if getattr(self.loss_bbox, 'needs_decoded', False):
            raise ArgumentError(
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
        x_cls, x_reg = self._branches(x)
        touching = self.fc_fix(x_reg).float().sigmoid(), self.fc_ratio(x_reg).float().sigmoid()
        return self.fc_cls(x_cls), self.fc_reg(x_reg), *touching

    def _boxes_to_regress(self, gt_bboxes: Tensor) -> Tensor:
        return obb2xyxy(gt_bboxes, self.version)

    def get_targets(
        self,
        sampling_results: list[SamplingResult],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        rcnn_train_cfg: dict,
        concat: bool = True,
    ) -> RoITargets:
        """Those of the base; corners (p, 4) and filled shares (p, 1) of the positive proposals."""
        objects = [sample.pos_gt_bboxes for sample in sampling_results]
        extra: Any = [[coder.encode(boxes) for boxes in objects] for coder in (self.fix_coder, self.ratio_coder)]
        if concat:
            extra = map(torch.cat, extra)
        return *super().get_targets(sampling_results, gt_bboxes, gt_labels, rcnn_train_cfg, concat), *extra

    def loss(  # type: ignore[override]  # has more predictions and targets
        self,
        cls_score: Tensor,
        bbox_pred: Tensor,
        fix_pred: Tensor,
        ratio_pred: Tensor,
        rois: Tensor,
        labels: Tensor,
        label_weights: Tensor,
        bbox_targets: Tensor,
        bbox_weights: Tensor,
        fix_targets: Tensor,
        ratio_targets: Tensor,
        reduction_override: str | None = None,
    ) -> dict[str, Tensor]:
        """Losses of the base, and ``loss_fix`` and ``loss_ratio``."""
        usual = (labels, label_weights, bbox_targets, bbox_weights, reduction_override)
        losses = super().loss(cls_score, bbox_pred, rois, *usual)
        pos = (labels < self.num_classes).nonzero().squeeze(1)
        # compilers cannot know it
        torch._check(pos.size(0) == fix_targets.size(0), lambda: 'fix_targets must be of the positive proposals')
        override = {} if reduction_override is None else dict(reduction_override=reduction_override)
        parts = dict(loss_fix=(fix_pred, fix_targets), loss_ratio=(ratio_pred, ratio_targets))
        for name, (pred, target) in parts.items():
            mine = self._of_class(pred[pos], labels[pos])
            total = over_processes(len(labels), mine)
            losses[name] = loss_of_rows(self.loss_bbox, mine, target, avg_factor=total, **override)
        return losses

    def get_bboxes(  # type: ignore[override]
        self, preds: Sequence[Tensor], rois: Tensor, img_meta: dict, cfg: Any, rescale: bool = False
    ) -> tuple[Tensor, ...]:
        """Boxes (k, 6) with scores and labels (k,) of one image's RoIs after NMS; ``preds`` are all outputs."""
        scale = torch.as_tensor(img_meta['scale_factor'] if rescale else 1.0).to(rois)
        boxes = self._decode(preds, rois, img_meta['img_shape'], scale).flatten(1)
        with_keys(cfg, 'test_cfg', RESULT_KEYS, self)
        return multiclass_nms_rotated(boxes, self._scores(preds[0]), cfg.score_thr, cfg.nms, cfg.max_per_img)

    def detect(self, preds: Sequence[Tensor], rois: Tensor, img_meta: dict, cfg: Any, rescale: bool) -> tuple:
        """:meth:`get_bboxes`, which takes the same here."""
        return self.get_bboxes(preds, rois, img_meta, cfg, rescale)

    def _decode(self, preds: Sequence[Tensor], rois: Tensor, max_shape: Sequence[int], scale: Tensor) -> Tensor:
        _, deltas, fix, ratio = preds
        boxes = self.bbox_coder.decode(rois[:, 1:], deltas.float(), max_shape=max_shape)
        # corners are shares of the sides: scaled first, they need no second look at the polygon
        boxes = boxes.unflatten(1, (-1, 4)) / scale
        sliding = self.fix_coder.decode(boxes.flatten(1), fix).unflatten(1, (-1, 5))
        full = ratio[..., None] > self.ratio_thr
        return torch.where(full, hbb2obb(boxes, self.version), sliding)
