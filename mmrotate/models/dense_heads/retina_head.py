"""RetinaNet's head for rotated boxes."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmrotate.models.layers import conv_tower
from mmrotate.registry import MODELS

from .anchor_head import RotatedAnchorHead
from .base import Levels, rows_of


@MODELS.register_module()
class RotatedRetinaHead(RotatedAnchorHead):
    """Two towers of convolutions, one for classes and one for boxes (Lin et al., ICCV 2017).

    Args:
        stacked_convs: Convolutions of each tower.
        conv_cfg: Their kind.
        norm_cfg: Of the towers.
        **kwargs: See :class:`RotatedAnchorHead`.
    """

    cls_layers: tuple[str, ...] = ('retina_cls',)
    default_anchors: dict = dict(RotatedAnchorHead.default_anchors, ratios=[0.5, 1.0, 2.0])

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        stacked_convs: int = 4,
        conv_cfg: dict | None = None,
        norm_cfg: dict | None = None,
        anchor_generator: dict | None = None,
        init_cfg: dict | list | None = None,
        **kwargs: Any,
    ) -> None:
        self.stacked_convs, self.conv_cfg, self.norm_cfg = stacked_convs, conv_cfg, norm_cfg
        super().__init__(num_classes, in_channels, anchor_generator=anchor_generator, init_cfg=init_cfg, **kwargs)

    def _tower(self, in_channels: int) -> nn.Sequential:
        return conv_tower(in_channels, self.feat_channels, self.stacked_convs, self.norm_cfg, conv_cfg=self.conv_cfg)

    def _init_layers(self) -> None:
        self.cls_convs, self.reg_convs = (self._tower(self.in_channels) for _ in range(2))
        channels = self.feat_channels if self.stacked_convs else self.in_channels
        self.retina_cls = nn.Conv2d(channels, self.num_anchors * self.cls_out_channels, 3, padding=1)
        self.retina_reg = nn.Conv2d(channels, self.num_anchors * self.bbox_dim, 3, padding=1)

    def forward_single(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map of one level -> scores (N, A * C, H, W) and deltas (N, A * 5, H, W)."""
        return self.retina_cls(self.cls_convs(x)), self.retina_reg(self.reg_convs(x))

    @torch.no_grad()
    def filter_bboxes(self, cls_scores: Levels, bbox_preds: Levels) -> list[Levels]:
        """The box of each position's best anchor, (H * W, 5) of each image and level: the next stage's rois."""
        return self._best_boxes(cls_scores, bbox_preds, [self._grid(cls_scores)] * len(cls_scores[0]))

    @torch.no_grad()
    def refine_bboxes(self, cls_scores: Levels, bbox_preds: Levels) -> list[Levels]:
        """The same of a head with one anchor at each position, as S2A-Net's first."""
        return self.filter_bboxes(cls_scores, bbox_preds)

    def _best_boxes(self, cls_scores: Levels, bbox_preds: Levels, priors: Sequence[Levels]) -> list[Levels]:
        """Boxes (H * W, 5) of each image and level, from priors (H * W * A, 5) likewise."""
        levels = []
        for score, pred, prior in zip(cls_scores, bbox_preds, zip(*priors, strict=True), strict=True):
            logits = rows_of(score, self.cls_out_channels)[..., : self.num_classes]
            best = logits.amax(-1).unflatten(1, (-1, self.num_anchors)).argmax(-1)[..., None]
            # the best of each position's own anchors
            index = (best + torch.arange(best.size(1), device=best.device)[:, None] * self.num_anchors).squeeze(-1)
            images = torch.arange(len(index), device=index.device)[:, None]
            rows = rows_of(pred, self.bbox_dim)[images, index], torch.stack(prior)[images, index]
            delta, anchor = (row.flatten(0, 1) for row in rows)
            levels.append(self.bbox_coder.decode(anchor, delta).unflatten(0, (len(index), -1)))
        return [list(image) for image in zip(*levels, strict=True)]


# another loss or assigner is all the difference, and says itself what it wants
MODELS.register_module('KFIoURRetinaHead', module=RotatedRetinaHead)
MODELS.register_module('RotatedATSSHead', module=RotatedRetinaHead)
