"""RetinaNet's head for rotated boxes."""

from typing import Any

from torch import Tensor, nn

from mmrotate.models.layers import conv_tower
from mmrotate.registry import MODELS

from .anchor_head import RotatedAnchorHead


@MODELS.register_module()
class RotatedRetinaHead(RotatedAnchorHead):
    """Two towers of convolutions, one for classes and one for boxes (Lin et al., ICCV 2017).

    Args:
        num_classes: See :class:`RotatedAnchorHead`.
        in_channels: Likewise.
        stacked_convs: Convolutions of each tower.
        norm_cfg: Their normalisation.
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


# another loss or assigner is all the difference, and says itself what it wants
MODELS.register_module('KFIoURRetinaHead', module=RotatedRetinaHead)
MODELS.register_module('RotatedATSSHead', module=RotatedRetinaHead)
