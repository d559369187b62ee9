"""Feature pyramids: top-down, with a second path bottom-up, and one that turns with the image."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from mmrotate.models.base_module import BaseModule
from mmrotate.models.equivariant import EquivariantBatchNorm, EquivariantConv2d
from mmrotate.models.layers import ConvModule, require_plain_convs
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

_EXTRA = ('on_input', 'on_lateral', 'on_output')


@MODELS.register_module()
class FPN(BaseModule):
    """Feature Pyramid Network (Lin et al., CVPR 2017).

    Args:
        in_channels: Channels of each map of the backbone.
        out_channels: Channels of every level of the pyramid.
        num_outs: Levels of the pyramid.
        start_level: First map that is used.
        end_level: Last map that is used; -1 for the last there is.
        add_extra_convs: Source of the levels above the backbone's: False takes every second pixel of the last level,
            else a stride-2 convolution ``'on_input'`` (also True), ``'on_lateral'`` or ``'on_output'``.
        relu_before_extra_convs: Rectify before each extra convolution but the first.
        no_norm_on_lateral: Leave the norm out of the lateral convolutions.
        conv_cfg: Convolutions; None for plain ones.
        norm_cfg: Normalisation; None for none, as of ``act_cfg``.
        upsample_cfg: Arguments of ``torch.nn.functional.interpolate`` for the top-down path.
        init_cfg: Initialisation; default Xavier.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int,
        num_outs: int,
        start_level: int = 0,
        end_level: int = -1,
        add_extra_convs: bool | str = False,
        relu_before_extra_convs: bool = False,
        no_norm_on_lateral: bool = False,
        conv_cfg: dict | None = None,
        norm_cfg: dict | None = None,
        act_cfg: dict | None = None,
        upsample_cfg: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg or dict(type='Xavier', layer='Conv2d', distribution='uniform'))
        end = len(in_channels) if end_level in (-1, len(in_channels) - 1) else end_level + 1
        extra = num_outs - (end - start_level)
        if extra < 0 or (end < len(in_channels) and extra > 0):
            raise ArgumentError(
                f'num_outs={num_outs} does not fit the levels {start_level} to {end - 1} of {len(in_channels)} maps'
            )
        self.add_extra_convs = 'on_input' if add_extra_convs is True else add_extra_convs
        if self.add_extra_convs and self.add_extra_convs not in _EXTRA:
            raise ArgumentError(f'add_extra_convs must be a bool or one of {_EXTRA}')
        self.in_channels, self.num_outs, self.levels = list(in_channels), num_outs, range(start_level, end)
        self.relu_before_extra_convs = relu_before_extra_convs
        self.upsample_cfg = dict(upsample_cfg or dict(mode='nearest'))
        self.block = dict(conv_cfg=conv_cfg, norm_cfg=norm_cfg, act_cfg=act_cfg)
        lateral = dict(norm_cfg=None) if no_norm_on_lateral else {}
        self.lateral_convs = nn.ModuleList(self._conv(in_channels[i], out_channels, 1, **lateral) for i in self.levels)
        self.fpn_convs = nn.ModuleList(self._conv(out_channels, out_channels, 3, padding=1) for _ in self.levels)
        for i in range(extra if self.add_extra_convs else 0):
            first = i == 0 and self.add_extra_convs == 'on_input'
            channels = in_channels[end - 1] if first else out_channels
            self.fpn_convs.append(self._conv(channels, out_channels, 3, stride=2, padding=1))

    def _conv(self, in_channels: int, out_channels: int, size: int, **kwargs: Any) -> nn.Module:
        return ConvModule(in_channels, out_channels, size, **{**self.block, **kwargs})

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Maps of the backbone -> ``num_outs`` maps (N, out_channels, H, W), finest first."""
        if len(inputs) != len(self.in_channels):
            raise ArgumentError(f'the neck needs {len(self.in_channels)} maps, got {len(inputs)}')
        laterals = [conv(inputs[i]) for i, conv in zip(self.levels, self.lateral_convs, strict=True)]
        for i in range(len(laterals) - 1, 0, -1):
            size = {} if 'scale_factor' in self.upsample_cfg else dict(size=laterals[i - 1].shape[2:])
            laterals[i - 1] = laterals[i - 1] + F.interpolate(laterals[i], **(self.upsample_cfg | size))
        return tuple(self._extend(self._smooth(laterals), laterals, inputs))

    def _smooth(self, laterals: list[Tensor]) -> list[Tensor]:
        """Levels of the pyramid from the sums of the top-down path."""
        return [conv(x) for conv, x in zip(self.fpn_convs, laterals, strict=False)]

    def _extend(self, outs: list[Tensor], laterals: list[Tensor], inputs: Sequence[Tensor]) -> list[Tensor]:
        """Add the levels that are coarser than the backbone's last map."""
        sources = {'on_input': inputs[self.levels[-1]], 'on_lateral': laterals[-1], 'on_output': outs[-1]}
        for i in range(len(outs), self.num_outs):
            if not self.add_extra_convs:
                outs.append(F.max_pool2d(outs[-1], 1, stride=2))
                continue
            x = sources[self.add_extra_convs] if i == len(laterals) else outs[-1]
            if self.relu_before_extra_convs and i > len(laterals):
                x = F.relu(x)
            outs.append(self.fpn_convs[i](x))
        return outs


@MODELS.register_module()
class PAFPN(FPN):
    """FPN with a second, bottom-up path (Liu et al., PANet, CVPR 2018); arguments as of :class:`FPN`."""

    def __init__(self, in_channels: Sequence[int], out_channels: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(in_channels, out_channels, *args, **kwargs)
        self.downsample_convs, self.pafpn_convs = (
            nn.ModuleList(self._conv(out_channels, out_channels, 3, stride=stride, padding=1) for _ in self.levels[1:])
            for stride in (2, 1)
        )

    def _smooth(self, laterals: list[Tensor]) -> list[Tensor]:
        outs = super()._smooth(laterals)
        for i, down in enumerate(self.downsample_convs):
            outs[i + 1] = outs[i + 1] + down(outs[i])
        return [outs[0], *(conv(x) for conv, x in zip(self.pafpn_convs, outs[1:], strict=True))]


@MODELS.register_module()
class ReFPN(FPN):
    """Rotation-equivariant FPN (Han et al., ReDet, CVPR 2021), on the basis of e2cnn.

    Arguments as of :class:`FPN` but for these. Maps may also be e2cnn's GeometricTensors.

    Args:
        in_channels, out_channels: Multiples of eight.
        end_level: The map before which to stop; -1 for none.
        extra_convs_on_inputs: False is the older way to say ``add_extra_convs='on_output'``.
        norm_cfg: dict(type='BN') or None.
        activation: 'relu', after every convolution, or None.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int,
        num_outs: int,
        start_level: int = 0,
        end_level: int = -1,
        add_extra_convs: bool | str = False,
        extra_convs_on_inputs: bool = True,
        relu_before_extra_convs: bool = False,
        no_norm_on_lateral: bool = False,
        conv_cfg: dict | None = None,
        norm_cfg: dict | None = None,
        activation: str | None = None,
        init_cfg: dict | None = None,
        act_cfg: dict | None = None,
        upsample_cfg: dict | None = None,
    ) -> None:
        if act_cfg or activation not in (None, 'relu') or (norm_cfg or {}).get('type', 'BN') != 'BN':
            given = f'norm_cfg={norm_cfg}, act_cfg={act_cfg}, activation={activation!r}'
            raise ArgumentError(f"ReFPN takes norm_cfg=dict(type='BN') and activation='relu', got {given}")
        require_plain_convs(conv_cfg)
        self.activation = activation
        if add_extra_convs is True and not extra_convs_on_inputs:
            add_extra_convs = 'on_output'
        last = end_level if end_level == -1 else end_level - 1
        levels = (start_level, last, add_extra_convs, relu_before_extra_convs, no_norm_on_lateral)
        settings: dict[str, Any] = dict(norm_cfg=norm_cfg, upsample_cfg=upsample_cfg, init_cfg=init_cfg)
        super().__init__(in_channels, out_channels, num_outs, *levels, **settings)

    def _conv(self, in_channels: int, out_channels: int, size: int, **kwargs: Any) -> nn.Module:
        norm = {**self.block, **kwargs}['norm_cfg']
        kwargs.pop('norm_cfg', None)
        layers = OrderedDict[str, nn.Module](
            conv=EquivariantConv2d(in_channels, out_channels, size, bias=not norm, **kwargs)
        )
        if norm:
            layers['bn'] = EquivariantBatchNorm(out_channels)
        if self.activation:
            layers['activate'] = nn.ReLU()
        return nn.Sequential(layers)

    def forward(self, inputs: Sequence[Any]) -> tuple[Tensor, ...]:
        """See :meth:`FPN.forward`."""
        return super().forward([getattr(x, 'tensor', x) for x in inputs])
