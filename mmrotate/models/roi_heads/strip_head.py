"""The box head of Strip R-CNN."""

from typing import Any

import torch
from torch import Tensor, nn

from mmrotate.models.backbones.large_kernel import StripGate
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

from .convfc_bbox_head import RotatedConvFCBBoxHead

_STRIP = 19


@MODELS.register_module()
class StripHead(RotatedConvFCBBoxHead):
    """Branches of their own for class, place with size, and angle (Yuan et al., Strip R-CNN, 2025).

    Place and size come from convolutions, the last ones long and narrow; class and angle from two layers each. What
    ``fc_reg`` holds is not used: published checkpoints have it.

    Args:
        fc_out_channels: Width of the layers.
        conv_out_channels: Width of the convolutions.
        **kwargs: See :class:`RotatedBBoxHead`.
    """

    stds = (*RotatedConvFCBBoxHead.stds, ('fc_reg_xy_wh', 0.001), ('fc_reg_theta', 0.001))

    def __init__(self, fc_out_channels: int = 1024, conv_out_channels: int = 256, **kwargs: Any) -> None:
        super().__init__(fc_out_channels=fc_out_channels, conv_out_channels=conv_out_channels, **kwargs)

    def _make_layers(self) -> None:
        if not (self.with_cls and self.with_reg):
            raise ArgumentError('StripHead predicts classes and boxes: with_cls and with_reg must be True')
        self._counts = dict(cls=(0, 2), reg_theta=(0, 2), reg_xy_wh=(1, 0))
        cls, _ = self._make_part('cls', self.in_channels, flat=False)
        theta, _ = self._make_part('reg_theta', self.in_channels, flat=False)
        maps, _ = self._make_part('reg_xy_wh', self.in_channels, flat=False)
        self.reg_xy_wh_convs.append(StripGate(maps, (1, _STRIP), ('strip_conv1', 'strip_conv2')))
        self._make_predictors(cls, maps * self._places)
        self.fc_reg.requires_grad_(False)
        self.fc_reg_xy_wh = nn.Linear(maps * self._places, 4 * self._boxes)
        self.fc_reg_theta = nn.Linear(theta, self._boxes)

    def forward(self, x: Tensor) -> tuple[Tensor | None, ...]:
        """RoI features (n, C, s, s) -> scores (n, classes + 1) and deltas (n, 5 or classes * 5)."""
        scores = self.fc_cls(self._through('cls', x))
        places = self.fc_reg_xy_wh(self._flat(self._through('reg_xy_wh', x))).unflatten(1, (-1, 4))
        angles = self.fc_reg_theta(self._through('reg_theta', x)).unflatten(1, (-1, 1))
        return scores, torch.cat([places, angles], -1).flatten(1)
