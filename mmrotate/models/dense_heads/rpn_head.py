"""Region proposal networks: horizontal proposals, and oriented ones."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.config import ConfigDict
from torch import Tensor, nn
from torch.nn import functional as F

from mmrotate.core import anchor_inside_flags, obb2xyxy
from mmrotate.models.settings import PROPOSAL_KEYS, with_keys
from mmrotate.ops import nms_upright
from mmrotate.registry import MODELS

from .anchor_head import RotatedAnchorHead
from .base import Levels


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

    def _inside(self, anchors: Tensor, valid: Tensor, img_shape: Sequence[Tensor]) -> Tensor:
        return anchor_inside_flags(anchors, valid, img_shape, self._border)

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
        scores, deltas = ([level[None] for level in levels] for levels in (cls_score_list, bbox_pred_list))
        facts = [dict(img_shape=img_shape, scale_factor=scale_factor)]
        (found,) = self._get_bboxes_single_batch(scores, deltas, mlvl_anchors, facts, cfg, rescale, with_nms)
        return found

    def _get_bboxes_single_batch(
        self,
        cls_scores: Levels,
        bbox_preds: Levels,
        anchors: Levels,
        img_metas: list[dict],
        cfg: Any,
        rescale: bool = False,
        with_nms: bool = True,
    ) -> list:
        """The same of each image of a batch: of maps (N, C, H, W), and anchors (n, d), of each level."""
        levels = self._candidates(cls_scores, bbox_preds, anchors, cfg)
        scores, deltas, priors = (torch.cat(field, 1) for field in zip(*levels, strict=True))
        boxes = self._decode_batch(priors, deltas, [meta['img_shape'] for meta in img_metas])
        found: Any = torch.cat([boxes, scores[..., :1]], -1)
        if with_nms:
            found = self._suppressed(found, [level.size(1) for level, *_ in levels], cfg)
        if rescale:
            for image, meta in zip(found, img_metas, strict=True):
                image[:, :4] /= image.new_tensor(meta['scale_factor'])
        return list(found) if with_nms else [(image[:, :-1], image[:, -1:]) for image in found]

    def _decode_batch(self, anchors: Tensor, deltas: Tensor, shapes: list) -> Tensor:
        """Boxes (N, n, 4 or 5) of the anchors of each image; at once where all images are of a size."""
        first, *others = shapes
        if any(tuple(shape) != tuple(first) for shape in others):
            return torch.stack([self._decode(*image) for image in zip(anchors, deltas, shapes, strict=True)])
        return self._decode(anchors.flatten(0, 1), deltas.flatten(0, 1), first).unflatten(0, anchors.shape[:2])

    def _extent(self, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Proposals as (x1, y1, x2, y2), for NMS, and their width and height (n, 2)."""
        return boxes, boxes[:, 2:] - boxes[:, :2]

    def _suppressed(self, found: Tensor, counts: list[int], cfg: ConfigDict) -> list[Tensor]:
        """Proposals (k, 5 or 6) of each image that are large enough and survive NMS, best first.

        ``found`` (N, n, 5 or 6) are those of all levels, so many of each.
        """
        with_keys(cfg, 'test_cfg', ('nms', 'max_per_img'), self)
        (images, count), rows = found.shape[:2], found.flatten(0, 1)
        hbb, sides = self._extent(rows[:, :-1])
        large = (sides >= cfg.get('min_bbox_size', 0)).all(1).nonzero().squeeze(1)
        # proposals of different levels, and of different images, do not suppress each other
        level_ids = torch.cat([torch.full((k,), i, device=found.device) for i, k in enumerate(counts)])
        groups = (level_ids + len(counts) * torch.arange(images, device=found.device)[:, None]).flatten()
        threshold = cfg.nms.get('iou_threshold', cfg.nms.get('iou_thr'))
        kept = large[nms_upright(hbb[large], rows[large, -1], threshold, groups[large])]
        if images == 1:
            return [rows[kept[: cfg.max_per_img]]]
        owner, order = (kept // count).sort(stable=True)
        sizes = owner.bincount(minlength=images).tolist()
        return [image[: cfg.max_per_img] for image in rows[kept[order]].split(sizes)]


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
