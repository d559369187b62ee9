"""RetinaNet's head for rotated boxes, with angles as classes, and on the boxes of the stage before."""

from typing import Any

import torch
from torch import Tensor, nn

from mmrotate.core.bbox import build_bbox_coder
from mmrotate.models.builder import build_loss
from mmrotate.models.layers import conv_tower
from mmrotate.ops import ORConv2d, RotationInvariantPooling
from mmrotate.registry import MODELS

from .anchor_head import RotatedAnchorHead
from .base import Detections, Levels


@MODELS.register_module()
class RotatedRetinaHead(RotatedAnchorHead):
    """Two towers of convolutions, one for classes and one for boxes (Lin et al., ICCV 2017).

    Args:
        stacked_convs: Convolutions of each tower.
        norm_cfg: Of the towers.
        **kwargs: See :class:`RotatedAnchorHead`.
    """

    cls_layers: tuple[str, ...] = ('retina_cls',)

    def __init__(
        self, num_classes: int, in_channels: int, stacked_convs: int = 4, norm_cfg: dict | None = None, **kwargs: Any
    ) -> None:
        self.stacked_convs, self.norm_cfg = stacked_convs, norm_cfg
        super().__init__(num_classes, in_channels, **kwargs)

    def _tower(self, in_channels: int) -> nn.Sequential:
        return conv_tower(in_channels, self.feat_channels, self.stacked_convs, self.norm_cfg)

    def _init_layers(self) -> None:
        self.cls_convs, self.reg_convs = (self._tower(self.in_channels) for _ in range(2))
        channels = self.feat_channels if self.stacked_convs else self.in_channels
        self.retina_cls = nn.Conv2d(channels, self.num_anchors * self.cls_out_channels, 3, padding=1)
        self.retina_reg = nn.Conv2d(channels, self.num_anchors * self.bbox_dim, 3, padding=1)

    def forward_single(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map of one level -> scores (N, A * C, H, W) and deltas (N, A * 5, H, W)."""
        return self.retina_cls(self.cls_convs(x)), self.retina_reg(self.reg_convs(x))


@MODELS.register_module()
class CSLRRetinaHead(RotatedRetinaHead):
    """A third prediction classifies the angle (Yang and Yan, CSL, ECCV 2020).

    Args:
        use_encoded_angle: Classify the angle from the anchor to the object as the box coder
            encodes it, else the object's own.
        shield_reg_angle: Leave the angle out of the regression loss.
        angle_coder: Between angles and classes.
        loss_angle: Of these classes.
        **kwargs: See :class:`RotatedRetinaHead`.
    """

    cls_layers = ('retina_cls', 'retina_angle_cls')

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        use_encoded_angle: bool = True,
        shield_reg_angle: bool = False,
        angle_coder: dict | None = None,
        loss_angle: dict | None = None,
        **kwargs: Any,
    ) -> None:
        self.use_encoded_angle, self.shield_reg_angle = use_encoded_angle, shield_reg_angle
        self.angle_coder = build_bbox_coder(angle_coder or dict(type='CSLCoder', angle_version='le90'))
        super().__init__(num_classes, in_channels, **kwargs)
        self.loss_angle = build_loss(loss_angle or dict(type='CrossEntropyLoss', use_sigmoid=True))
        self._check_angles()

    def _check_angles(self) -> None:
        """Raise ValueError unless coders and losses agree on what the angle is."""
        boxes, angles = self.bbox_coder, self.angle_coder
        decoded = self.reg_decoded_bbox or getattr(self.loss_bbox, 'needs_decoded', False)
        if self.shield_reg_angle and decoded:
            raise ValueError(
                'shield_reg_angle=True leaves one delta out, so it needs a loss_bbox on deltas, '
                f'got {type(self.loss_bbox).__name__} on decoded boxes'
            )
        if getattr(boxes, 'angle_range', angles.angle_version) != angles.angle_version:
            raise ValueError(
                f'bbox_coder and angle_coder must have one angle version, got '
                f'{boxes.angle_range!r} and {angles.angle_version!r}'
            )
        if self.use_encoded_angle:
            unit = getattr(boxes, 'angle_unit', 1), boxes.means[-1], boxes.stds[-1]
            if unit != (1, 0, 1):
                raise ValueError(
                    'use_encoded_angle=True classifies the encoded angle in radians, so the '
                    'bbox_coder must have norm_factor=None, and 0 and 1 as the last of '
                    f'target_means and target_stds, got a unit, mean and deviation of {unit}'
                )

    def _init_layers(self) -> None:
        super()._init_layers()
        classes = self.num_anchors * self.angle_coder.coding_len
        self.retina_angle_cls = nn.Conv2d(self.retina_reg.in_channels, classes, 3, padding=1)

    def forward_single(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map of one level -> scores (N, A * C, H, W), deltas and angle classes likewise."""
        reg_feat = self.reg_convs(x)
        return self.retina_cls(self.cls_convs(x)), self.retina_reg(reg_feat), self.retina_angle_cls(reg_feat)

    def _join(self, bbox_preds: Levels, angle_clses: Levels) -> Levels:
        """Deltas and angle classes as one map: of each anchor the deltas first."""
        return [
            torch.cat([m.unflatten(1, (self.num_anchors, -1)) for m in level], 2).flatten(1, 2)
            for level in zip(bbox_preds, angle_clses, strict=True)
        ]

    def loss(  # type: ignore[override]
        self, cls_scores: Levels, bbox_preds: Levels, angle_clses: Levels, *args: Any, **kwargs: Any
    ) -> dict[str, Levels]:
        """Losses of classes, boxes and angles, a list over levels each."""
        return super().loss(cls_scores, self._join(bbox_preds, angle_clses), *args, **kwargs)

    def _encode(self, anchors: Tensor, gt_bboxes: Tensor) -> Tensor:
        """Targets of the box, and the angle to classify."""
        targets, angle = super()._encode(anchors, gt_bboxes), gt_bboxes[:, 4:]
        if self.use_encoded_angle:
            angle = self.bbox_coder.encode(anchors, gt_bboxes)[:, 4:]
        return torch.cat([targets, angle], 1)

    def _loss_positive(self, row: Tensor, target: Tensor, anchors: Tensor, avg_factor: int) -> dict[str, Tensor]:
        delta, logits = row[:, : self.bbox_dim], row[:, self.bbox_dim :]
        box, angle = target[:, :-1], target[:, -1:]
        if self.shield_reg_angle:  # equal angles cost nothing
            box = torch.cat([box[:, :4], delta[:, 4:].detach()], 1)
        losses = super()._loss_positive(delta, box, anchors, avg_factor)
        classes = self.angle_coder.encode(angle)
        return losses | dict(loss_angle=self.loss_angle(logits, classes, avg_factor=avg_factor))

    def get_bboxes(  # type: ignore[override]
        self, cls_scores: Levels, bbox_preds: Levels, angle_clses: Levels, *args: Any, **kwargs: Any
    ) -> list[Detections]:
        """See the base."""
        return super().get_bboxes(cls_scores, self._join(bbox_preds, angle_clses), *args, **kwargs)

    def _decode(self, anchors: Tensor, deltas: Tensor, max_shape: Any = None) -> Tensor:
        delta, logits = deltas[:, : self.bbox_dim], deltas[:, self.bbox_dim :]
        angle = self.angle_coder.decode(logits)[:, None]
        if self.use_encoded_angle:
            return super()._decode(anchors, torch.cat([delta[:, :4], angle], 1), max_shape)
        return torch.cat([super()._decode(anchors, delta, max_shape)[:, :4], angle], 1)


@MODELS.register_module()
class RotatedRetinaRefineHead(RotatedRetinaHead):
    """The second stage of R3Det (Yang et al., AAAI 2021): RetinaNet's head on refined boxes.

    The arguments are those of the base; the generator makes one prior per position.
    """

    default_anchors = dict(type='PseudoAnchorGenerator', strides=[8, 16, 32, 64, 128])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{'assign_by_circumhbbox': None, **kwargs})
        if self.num_anchors != 1:
            raise ValueError(
                f'{type(self).__name__} refines the one box of each position, but its '
                f'anchor_generator makes {self.num_anchors}: use a PseudoAnchorGenerator'
            )


@MODELS.register_module()
class ODMRefineHead(RotatedRetinaRefineHead):
    """The second stage of S2A-Net (Han et al., TGRS 2021).

    Filters in eight rotations serve the boxes; the strongest rotation serves the classes. The
    arguments are those of the base; ``feat_channels`` is a multiple of 8.
    """

    cls_layers = ('odm_cls',)

    def _init_layers(self) -> None:
        channels, pooled = self.feat_channels, self.feat_channels // 8
        if channels % 8:
            raise ValueError(f'feat_channels must be a multiple of 8, got {channels}')
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


# another loss or assigner is all the difference, and says itself what it wants
MODELS.register_module('KFIoURRetinaHead', module=RotatedRetinaHead)
MODELS.register_module('RotatedATSSHead', module=RotatedRetinaHead)
MODELS.register_module('KFIoURRetinaRefineHead', module=RotatedRetinaRefineHead)
MODELS.register_module('KFIoUODMRefineHead', module=ODMRefineHead)
