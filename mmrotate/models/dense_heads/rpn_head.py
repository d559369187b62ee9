"""Region proposal networks: horizontal proposals, and oriented ones."""

from typing import Any

import torch
from mmengine.config import ConfigDict
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import batched_nms

from mmrotate.core import anchor_inside_flags, obb2xyxy
from mmrotate.models.settings import PROPOSAL_KEYS
from mmrotate.registry import MODELS

from .anchor_head import RotatedAnchorHead
from .base import Levels


@MODELS.register_module()
class RotatedRPNHead(RotatedAnchorHead):
    """Region proposal network (Ren et al., NeurIPS 2015) on horizontal anchors (x1, y1, x2, y2).

    It learns the circumscribed horizontal boxes of rotated objects.

    Args:
        in_channels: Channels of the pyramid.
        version: Angle version of the ground truth.
        **kwargs: See :class:`RotatedAnchorHead`.
    """

    bbox_dim = 4
    test_keys = PROPOSAL_KEYS

    def __init__(self, in_channels: int, version: str = 'oc', **kwargs: Any) -> None:
        self.version = version
        parts = dict(
            loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=True), bbox_coder=dict(type='DeltaXYWHBBoxCoder')
        )
        super().__init__(in_channels=in_channels, **{'num_classes': 1, **parts, **kwargs})

    def _init_layers(self) -> None:
        self.rpn_conv = nn.Conv2d(self.in_channels, self.feat_channels, 3, padding=1)
        self.rpn_cls = nn.Conv2d(self.feat_channels, self.num_anchors * self.cls_out_channels, 1)
        self.rpn_reg = nn.Conv2d(self.feat_channels, self.num_anchors * self.bbox_dim, 1)

    def forward_single(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map of one level -> scores (N, A, H, W) and deltas (N, A * d, H, W)."""
        x = F.relu(self.rpn_conv(x))
        return self.rpn_cls(x), self.rpn_reg(x)

    def _boxes_to_assign(self, gt_bboxes: Tensor) -> Tensor:
        return obb2xyxy(gt_bboxes, self.version)

    _boxes_to_regress = _boxes_to_assign

    def _inside(self, anchors: Tensor, valid: Tensor, meta: dict) -> Tensor:
        return anchor_inside_flags(anchors, valid, meta['img_shape'][:2], self.train_cfg.allowed_border)

    def loss(  # type: ignore[override]
        self, cls_scores: Levels, bbox_preds: Levels, gt_bboxes: list[Tensor], *args: Any, **kwargs: Any
    ) -> dict[str, list[Tensor]]:
        """Losses of objectness and boxes, a list over levels each; as of the base, without labels."""
        losses = super().loss(cls_scores, bbox_preds, gt_bboxes, None, *args, **kwargs)
        return dict(loss_rpn_cls=losses['loss_cls'], loss_rpn_bbox=losses['loss_bbox'])

    def get_bboxes(  # type: ignore[override]
        self,
        cls_scores: Levels,
        bbox_preds: Levels,
        img_metas: list[dict],
        cfg: dict | None = None,
        rescale: bool = False,
    ) -> list[Tensor]:
        """Proposals of each image, best first: (n, 5) horizontal or (n, 6) rotated, with scores."""
        settings = self.test_settings(cfg)
        scores, deltas, anchors = self._candidates(cls_scores, bbox_preds, settings)
        # proposals of different levels do not suppress each other
        level_ids = torch.cat([s.new_full((s.size(1),), i) for i, s in enumerate(scores)])
        results = []
        fields = (torch.cat(levels, 1) for levels in (anchors, deltas, scores))
        for prior, delta, score, meta in zip(*fields, img_metas, strict=True):
            boxes = self.bbox_coder.decode(prior, delta, max_shape=meta['img_shape'])
            keep = self._keep(boxes, score[:, 0], level_ids, settings)
            found = torch.cat([boxes, score[:, :1]], 1)[keep]
            if rescale:
                found[:, :4] /= found.new_tensor(meta['scale_factor'])
            results.append(found)
        return results

    def _extent(self, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Proposals as (x1, y1, x2, y2), for NMS, and their width and height (n, 2)."""
        return boxes, boxes[:, 2:] - boxes[:, :2]

    def _keep(self, boxes: Tensor, scores: Tensor, level_ids: Tensor, cfg: ConfigDict) -> Tensor:
        """Indices of the proposals that are large enough and survive NMS, best first."""
        hbb, sides = self._extent(boxes)
        large = (sides >= cfg.get('min_bbox_size', 0)).all(1).nonzero().squeeze(1)
        threshold = cfg.nms.get('iou_threshold', cfg.nms.get('iou_thr'))
        kept = batched_nms(hbb[large], scores[large], level_ids[large], threshold)
        return large[kept[: cfg.max_per_img]]


@MODELS.register_module()
class OrientedRPNHead(RotatedRPNHead):
    """Oriented RPN (Xie et al., ICCV 2021): rotated proposals from horizontal anchors.

    Anchors are assigned to circumscribed boxes; six numbers per anchor give the horizontal box
    and where the object touches two of its sides.
    """

    bbox_dim = 6

    def __init__(self, in_channels: int, version: str = 'oc', **kwargs: Any) -> None:
        kwargs.setdefault('bbox_coder', dict(type='MidpointOffsetCoder', angle_range=version))
        super().__init__(in_channels, version, **kwargs)

    def _boxes_to_regress(self, gt_bboxes: Tensor) -> Tensor:
        return gt_bboxes

    def _extent(self, boxes: Tensor) -> tuple[Tensor, Tensor]:
        return obb2xyxy(boxes, self.version), boxes[:, 2:4]
