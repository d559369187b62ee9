"""ReFPN: a feature pyramid that turns with the image."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from mmrotate.models.equivariant import convolution, map_type, wrap
from mmrotate.registry import MODELS

from .fpn import FPN


class _EquivariantConv(nn.Module):
    """Equivariant convolution of plain tensors; key ``conv``."""

    def __init__(self, in_channels: int, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.in_type = map_type(in_channels)
        self.conv = convolution(self.in_type, *args, **kwargs)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(wrap(x, self.in_type)).tensor


@MODELS.register_module()
class ReFPN(FPN):
    """Rotation-equivariant FPN (Han et al., ReDet, CVPR 2021), through e2cnn; without norms.

    Args:
        in_channels: Channels of each map of the backbone, multiples of eight.
        out_channels: Channels of every level of the pyramid, likewise.
        num_outs: Levels of the pyramid.
        **kwargs: ``start_level``, ``end_level``, ``add_extra_convs``, ``relu_before_extra_convs``
            and ``init_cfg`` of :class:`FPN`.
    """

    def __init__(
        self, in_channels: Sequence[int], out_channels: int, num_outs: int, **kwargs: Any
    ) -> None:
        for key in ('norm_cfg', 'act_cfg', 'no_norm_on_lateral', 'upsample_cfg'):
            if kwargs.get(key):
                raise ValueError(f'ReFPN has no {key}, got {kwargs[key]}')
        super().__init__(in_channels, out_channels, num_outs, **kwargs)

    def _conv(self, *args: Any, **kwargs: Any) -> nn.Module:
        return _EquivariantConv(*args, **kwargs)
