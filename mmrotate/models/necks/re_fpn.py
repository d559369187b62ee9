"""ReFPN: a feature pyramid that turns with the image."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from torch import nn

from mmrotate.models.equivariant import EquivariantConv2d
from mmrotate.registry import MODELS

from .fpn import FPN


@MODELS.register_module()
class ReFPN(FPN):
    """Rotation-equivariant FPN (Han et al., ReDet, CVPR 2021), on the basis of e2cnn; no norms.

    Args:
        in_channels: Channels of each map of the backbone, multiples of eight.
        out_channels: Channels of every level of the pyramid, likewise.
        num_outs: Levels of the pyramid.
        **kwargs: ``start_level``, ``end_level``, ``add_extra_convs``, ``relu_before_extra_convs``
            and ``init_cfg`` of :class:`FPN`.
    """

    def __init__(self, in_channels: Sequence[int], out_channels: int, num_outs: int, **kwargs: Any) -> None:
        for key in ('norm_cfg', 'act_cfg', 'no_norm_on_lateral'):
            if kwargs.get(key):
                raise ValueError(f'ReFPN has no {key}, got {kwargs[key]}')
        super().__init__(in_channels, out_channels, num_outs, **kwargs)

    def _conv(self, in_channels: int, out_channels: int, size: int, **kwargs: Any) -> nn.Module:
        conv = EquivariantConv2d(in_channels, out_channels, size, **kwargs)
        return nn.Sequential(OrderedDict(conv=conv))
