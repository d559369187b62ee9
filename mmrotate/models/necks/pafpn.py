"""Path aggregation network."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from mmrotate.registry import MODELS

from .fpn import FPN


@MODELS.register_module()
class PAFPN(FPN):
    """FPN with a second, bottom-up path (Liu et al., PANet, CVPR 2018).

    Args:
        in_channels: Channels of each map of the backbone.
        out_channels: Channels of every level of the pyramid.
        num_outs: Levels of the pyramid.
        **kwargs: See :class:`FPN`.
    """

    def __init__(self, in_channels: Sequence[int], out_channels: int, num_outs: int, **kwargs: Any) -> None:
        super().__init__(in_channels, out_channels, num_outs, **kwargs)
        self.downsample_convs, self.pafpn_convs = (
            nn.ModuleList(self._conv(out_channels, out_channels, 3, stride=stride, padding=1) for _ in self.levels[1:])
            for stride in (2, 1)
        )

    def _smooth(self, laterals: list[Tensor]) -> list[Tensor]:
        outs = super()._smooth(laterals)
        for i, down in enumerate(self.downsample_convs):
            outs[i + 1] = outs[i + 1] + down(outs[i])
        return [outs[0], *(conv(x) for conv, x in zip(self.pafpn_convs, outs[1:], strict=True))]
