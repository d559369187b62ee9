"""Path aggregation network."""

from typing import Any

from torch import Tensor, nn

from mmrotate.registry import MODELS

from .fpn import FPN


@MODELS.register_module()
class PAFPN(FPN):
    """FPN with a second, bottom-up path (Liu et al., PANet, CVPR 2018).

    Args:
        *args: See :class:`FPN`.
        **kwargs: See :class:`FPN`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        channels = self.fpn_convs[0].conv.out_channels
        for name, stride in (('downsample_convs', 2), ('pafpn_convs', 1)):
            convs = (
                self._conv(channels, channels, 3, stride=stride, padding=1) for _ in self.levels
            )
            self.add_module(name, nn.ModuleList(list(convs)[1:]))

    def _smooth(self, laterals: list[Tensor]) -> list[Tensor]:
        outs = super()._smooth(laterals)
        for i, down in enumerate(self.downsample_convs):
            outs[i + 1] = outs[i + 1] + down(outs[i])
        return [outs[0], *(conv(x) for conv, x in zip(self.pafpn_convs, outs[1:], strict=True))]
