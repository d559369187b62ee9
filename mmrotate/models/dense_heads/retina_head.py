"""RetinaNet's head for rotated boxes, and those that refine the boxes of the stage before."""

from typing import Any

from torch import Tensor, nn

from mmrotate.models.layers import conv_tower
from mmrotate.ops import ORConv2d, RotationInvariantPooling
from mmrotate.registry import MODELS

from .anchor_head import RotatedAnchorHead


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

    def _towers(self, cls_feat: Tensor, reg_feat: Tensor) -> tuple[Tensor, Tensor]:
        """Maps for the classes and for the boxes, before the predictions."""
        return self.cls_convs(cls_feat), self.reg_convs(reg_feat)

    def forward_single(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map of one level -> scores (N, A * C, H, W) and deltas (N, A * 5, H, W)."""
        cls_feat, reg_feat = self._towers(x, x)
        return self.retina_cls(cls_feat), self.retina_reg(reg_feat)


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
        cls_feat, reg_feat = self._towers(self.or_pool(oriented), oriented)
        return self.odm_cls(cls_feat), self.odm_reg(reg_feat)


# another loss or assigner is all the difference, and says itself what it wants
MODELS.register_module('KFIoURRetinaHead', module=RotatedRetinaHead)
MODELS.register_module('RotatedATSSHead', module=RotatedRetinaHead)
MODELS.register_module('KFIoURRetinaRefineHead', module=RotatedRetinaRefineHead)
MODELS.register_module('KFIoUODMRefineHead', module=ODMRefineHead)
