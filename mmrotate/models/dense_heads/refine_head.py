"""RetinaNet's head on the boxes of the stage before."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmrotate.ops import ORConv2d, RotationInvariantPooling
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

from .base import Detections, Levels, positional
from .retina_head import RotatedRetinaHead


@MODELS.register_module()
class RotatedRetinaRefineHead(RotatedRetinaHead):
    """The second stage of R3Det (Yang et al., AAAI 2021): RetinaNet's head on refined boxes.

    Its priors are the boxes of the stage before: ``rois``, (H * W, 5) of each image and level. The generator
    makes one prior per position. The arguments are those of the base.
    """

    default_anchors = dict(type='PseudoAnchorGenerator', strides=[8, 16, 32, 64, 128])

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        stacked_convs: int = 4,
        conv_cfg: dict | None = None,
        norm_cfg: dict | None = None,
        anchor_generator: dict | None = None,
        bbox_coder: dict | None = None,
        init_cfg: dict | list | None = None,
        **kwargs: Any,
    ) -> None:
        parts: dict[str, Any] = dict(bbox_coder=bbox_coder, init_cfg=init_cfg)
        kwargs.setdefault('assign_by_circumhbbox', None)
        super().__init__(
            num_classes, in_channels, stacked_convs, conv_cfg, norm_cfg, anchor_generator, **parts, **kwargs
        )
        self.bboxes_as_anchors: list[Levels] | None = None
        if self.num_anchors != 1:
            raise ArgumentError(
                f'{type(self).__name__} refines the one box of each position, but its '
                f'anchor_generator makes {self.num_anchors}: use a PseudoAnchorGenerator'
            )

    def get_anchors(
        self, featmap_sizes: Sequence[tuple[int, int]], img_metas: list[dict], device: torch.device | str | None = None
    ) -> tuple[list[Levels], list[Levels]]:
        """``bboxes_as_anchors``, the boxes that the loss was given, and masks as of the base."""
        if self.bboxes_as_anchors is None:  # an error that says so
            return super().get_anchors(featmap_sizes, img_metas, device)
        return self.bboxes_as_anchors, self._valid_flags(featmap_sizes, img_metas, device)

    def loss(  # type: ignore[override]
        self,
        cls_scores: Levels,
        bbox_preds: Levels,
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        img_metas: list[dict],
        rois: list[Levels] | None = None,
        gt_bboxes_ignore: list[Tensor] | None = None,
    ) -> dict[str, Levels]:
        """As of the base, from the boxes ``rois``."""
        self.bboxes_as_anchors = rois
        return super().loss(cls_scores, bbox_preds, gt_bboxes, gt_labels, img_metas, gt_bboxes_ignore)

    def get_bboxes(  # type: ignore[override]
        self,
        cls_scores: Levels,
        bbox_preds: Levels,
        img_metas: list[dict],
        cfg: dict | None = None,
        rescale: bool = False,
        rois: list[Levels] | None = None,
    ) -> list[Detections]:
        """As of the base, from the boxes ``rois``."""
        priors = rois or [self._grid(cls_scores)]
        return self._bboxes((cls_scores, bbox_preds), priors, img_metas, cfg, rescale)

    @torch.no_grad()
    def refine_bboxes(  # type: ignore[override]
        self, cls_scores: Levels, bbox_preds: Levels, rois: list[Levels]
    ) -> list[Levels]:
        """The boxes ``rois`` refined: the rois of the stage after."""
        return self._best_boxes(cls_scores, bbox_preds, rois)


@MODELS.register_module()
class ODMRefineHead(RotatedRetinaRefineHead):
    """The second stage of S2A-Net (Han et al., TGRS 2021).

    Filters in eight rotations serve the boxes; the strongest rotation serves the classes. The
    arguments are those of the base, ``stacked_convs`` is 2 by default; ``feat_channels`` is a multiple of 8.
    """

    cls_layers = ('odm_cls',)

    @positional('num_classes in_channels stacked_convs conv_cfg norm_cfg anchor_generator init_cfg')
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{'stacked_convs': 2, **kwargs})

    def _init_layers(self) -> None:
        channels, pooled = self.feat_channels, self.feat_channels // 8
        if channels % 8:
            raise ArgumentError(f'feat_channels must be a multiple of 8, got {channels}')
        self.or_conv = ORConv2d(self.in_channels, pooled, 3, padding=1, arf_config=(1, 8))
        self.or_pool = RotationInvariantPooling(channels, 8)
        self.cls_convs, self.reg_convs = self._tower(pooled), self._tower(channels)
        last = channels if self.stacked_convs else pooled
        self.odm_cls = nn.Conv2d(last, self.cls_out_channels, 3, padding=1)
        self.odm_reg = nn.Conv2d(channels, self.bbox_dim, 3, padding=1)

    def forward_single(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map of one level -> scores (N, C, H, W) and deltas (N, 5, H, W)."""
        oriented = self.or_conv(x)
        return self.odm_cls(self.cls_convs(self.or_pool(oriented))), self.odm_reg(self.reg_convs(oriented))


# another loss is all the difference, and says itself what it wants
MODELS.register_module('KFIoURRetinaRefineHead', module=RotatedRetinaRefineHead)
MODELS.register_module('KFIoUODMRefineHead', module=ODMRefineHead)
