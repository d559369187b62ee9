"""Region proposal networks: horizontal proposals, and oriented ones."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.config import ConfigDict
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import batched_nms

from mmrotate.core import anchor_inside_flags, obb2xyxy
from mmrotate.models.settings import PROPOSAL_KEYS
from mmrotate.ops.backend import operation
from mmrotate.ops.nms_rotated import unknown_count
from mmrotate.registry import MODELS

from .anchor_head import RotatedAnchorHead
from .base import Levels


@operation('batched_nms', unknown_count)
def _nms(boxes: Tensor, scores: Tensor, levels: Tensor, threshold: float) -> Tensor:
    """Torchvision's, which asks for the number of boxes, as one operation."""
    return batched_nms(boxes, scores, levels, threshold)


@MODELS.register_module()
class RotatedRPNHead(RotatedAnchorHead):
    """Region proposal network (Ren et al., NeurIPS 2015) on horizontal anchors (x1, y1, x2, y2).

    It learns the circumscribed horizontal boxes of rotated objects.

    Args:
        in_channels: Channels of the pyramid.
        init_cfg: By default weights near 0.
        version: Angle version of the ground truth.
        **kwargs: See :class:`RotatedAnchorHead`.
    """

    bbox_dim = 4
    loss_names = ('loss_rpn_cls', 'loss_rpn_bbox')
    default_anchors = dict(RotatedAnchorHead.default_anchors, type='AnchorGenerator')
    test_keys = PROPOSAL_KEYS

    def __init__(
        self, in_channels: int, init_cfg: dict | list | None = None, version: str = 'oc', **kwargs: Any
    ) -> None:
        self.version = version
        parts = dict(
            loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=True), bbox_coder=dict(type='DeltaXYWHBBoxCoder')
        )
        super().__init__(in_channels=in_channels, init_cfg=init_cfg, **{'num_classes': 1, **parts, **kwargs})

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
        self,
        cls_scores: Levels,
        bbox_preds: Levels,
        gt_bboxes: list[Tensor],
        img_metas: list[dict],
        gt_bboxes_ignore: list[Tensor] | None = None,
    ) -> dict[str, Levels]:
        """Losses of objectness and boxes, a list over levels each; as of the base, without labels."""
        return self._loss((cls_scores, bbox_preds), gt_bboxes, None, img_metas, gt_bboxes_ignore)

    def _get_bboxes_single(
        self,
        cls_score_list: Levels,
        bbox_pred_list: Levels,
        mlvl_anchors: Levels,
        img_shape: Sequence[int],
        scale_factor: Any,
        cfg: Any,
        rescale: bool = False,
        with_nms: bool = True,
    ) -> Any:
        """Proposals of one image, best first: (n, 5) horizontal or (n, 6) rotated, with scores."""
        levels = self._candidates(cls_score_list, bbox_pred_list, mlvl_anchors, cfg)
        # proposals of different levels do not suppress each other
        counts = [s.size(0) for s, *_ in levels]
        level_ids = torch.cat([torch.full((k,), i, device=levels[0][0].device) for i, k in enumerate(counts)])
        scores, deltas, anchors = map(torch.cat, zip(*levels, strict=True))
        boxes, scores = self._decode(anchors, deltas, img_shape), scores[:, :1]
        keep = self._keep(boxes, scores[:, 0], level_ids, cfg) if with_nms else slice(None)
        boxes, scores = boxes[keep], scores[keep]
        if rescale:
            boxes[:, :4] /= boxes.new_tensor(scale_factor)
        return torch.cat([boxes, scores], 1) if with_nms else (boxes, scores)

    def _extent(self, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Proposals as (x1, y1, x2, y2), for NMS, and their width and height (n, 2)."""
        return boxes, boxes[:, 2:] - boxes[:, :2]

    def _keep(self, boxes: Tensor, scores: Tensor, level_ids: Tensor, cfg: ConfigDict) -> Tensor:
        """Indices of the proposals that are large enough and survive NMS, best first."""
        hbb, sides = self._extent(boxes)
        large = (sides >= cfg.get('min_bbox_size', 0)).all(1).nonzero().squeeze(1)
        threshold = cfg.nms.get('iou_threshold', cfg.nms.get('iou_thr'))
        kept = _nms(hbb[large], scores[large], level_ids[large], threshold)
        return large[kept[: cfg.max_per_img]]


@MODELS.register_module()
class OrientedRPNHead(RotatedRPNHead):
    """Oriented RPN (Xie et al., ICCV 2021): rotated proposals from horizontal anchors.

    Anchors are assigned to circumscribed boxes; six numbers per anchor give the horizontal box
    and where the object touches two of its sides.
    """

    bbox_dim = 6

    def __init__(
        self, in_channels: int, init_cfg: dict | list | None = None, version: str = 'oc', **kwargs: Any
    ) -> None:
        kwargs.setdefault('bbox_coder', dict(type='MidpointOffsetCoder', angle_range=version))
        super().__init__(in_channels, init_cfg, version, **kwargs)

    def _boxes_to_regress(self, gt_bboxes: Tensor) -> Tensor:
        return gt_bboxes

    def _extent(self, boxes: Tensor) -> tuple[Tensor, Tensor]:
        return obb2xyxy(boxes, self.version), boxes[:, 2:4]
