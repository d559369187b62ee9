"""A feature pyramid whose connections were found by search."""

import math
from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from mmrotate.models.base_module import BaseModule
from mmrotate.models.layers import ConvModule
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError


class MergeCell(nn.Module):
    """Two maps as one of a given size: their sum, or the second plus the first in shares that the second says.

    Args:
        channels: Channels of both, and of the result.
        pooling: The latter.
        out: A ReLU and a convolution with a norm follow.
        norm_cfg: That norm.
    """

    def __init__(self, channels: int, pooling: bool, out: bool = True, norm_cfg: dict | None = None) -> None:
        super().__init__()
        self.pooling = pooling
        self.out_conv = None
        if out:
            self.out_conv = ConvModule(channels, channels, 3, padding=1, norm_cfg=norm_cfg, act_cfg=None, bias=True)

    def forward(self, first: Tensor, second: Tensor, size: Sequence[int]) -> Tensor:
        """Maps (N, C, ...) and (N, C, ...) -> (N, C, H, W) of ``size``."""
        first, second = (_resized(x, size) for x in (first, second))
        share = F.adaptive_avg_pool2d(second, 1).sigmoid() if self.pooling else 1
        x = second + share * first
        return x if self.out_conv is None else self.out_conv(x.relu())


def _resized(x: Tensor, size: Sequence[int]) -> Tensor:
    """Maps of another size: each pixel several times, or the largest of equal cells, the map padded by zeros to fit."""
    height, width = x.shape[2:]
    if (height, width) == tuple(size):
        return x
    if (height, width) < tuple(size):
        return F.interpolate(x, size=tuple(size), mode='nearest')
    cell = math.ceil(height / size[0]), math.ceil(width / size[1])
    pad_h, pad_w = cell[0] * size[0] - height, cell[1] * size[1] - width
    x = F.pad(x, (pad_w // 2, pad_w - pad_w // 2, pad_h // 2, pad_h - pad_h // 2))
    return F.max_pool2d(x, cell, stride=cell)


# names of a stage's cells, of which those of two levels below have no convolution
_CELLS = ('gp_64_4', 'sum_44_4', 'sum_43_3', 'sum_34_4', 'gp_43_5', 'sum_55_5', 'gp_54_7', 'sum_77_7', 'gp_75_6')
_WITHOUT_CONV = ('gp_43_5', 'gp_54_7')


@MODELS.register_module()
class NASFPN(BaseModule):
    """NAS-FPN of five levels (Ghiasi et al., CVPR 2019).

    Args:
        in_channels: Channels of each map of the backbone.
        out_channels: Channels of every level.
        num_outs: Levels; they must be five.
        stack_times: How often the connections are repeated.
        start_level: First map that is used.
        end_level: Last map that is used; -1 for the last there is.
        norm_cfg: Normalisation; None for none.
        init_cfg: Initialisation; default that of Caffe2.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int,
        num_outs: int,
        stack_times: int,
        start_level: int = 0,
        end_level: int = -1,
        norm_cfg: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg or dict(type='Caffe2Xavier', layer='Conv2d'))
        end = len(in_channels) if end_level == -1 else end_level + 1
        extra = num_outs - (end - start_level)
        if num_outs != 5 or extra < 0 or end > len(in_channels) or (end < len(in_channels) and extra):
            given = f'num_outs={num_outs}, levels {start_level} to {end - 1} of {len(in_channels)} maps'
            raise ArgumentError(f'NASFPN has five levels, those it adds above the last map, got {given}')
        self.start_level, self.in_channels, self.num_outs = start_level, list(in_channels), num_outs

        def conv(width: int) -> ConvModule:
            return ConvModule(width, out_channels, 1, norm_cfg=norm_cfg, act_cfg=None)

        self.lateral_convs = nn.ModuleList(map(conv, in_channels[start_level:end]))
        more = (nn.Sequential(conv(out_channels), nn.MaxPool2d(2, 2)) for _ in range(extra))
        self.extra_downsamples = nn.ModuleList(more)
        self.fpn_stages = nn.ModuleList()
        for _ in range(stack_times):
            stage = nn.ModuleDict()
            for name in _CELLS:
                stage[name] = MergeCell(out_channels, name.startswith('gp'), name not in _WITHOUT_CONV, norm_cfg)
            self.fpn_stages.append(stage)

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Maps of the backbone -> five maps (N, out_channels, H, W), finest first."""
        levels = [conv(x) for conv, x in zip(self.lateral_convs, inputs[self.start_level :], strict=False)]
        for shrink in self.extra_downsamples:
            levels.append(shrink(levels[-1]))
        p3, p4, p5, p6, p7 = levels
        sizes = [x.shape[2:] for x in levels]
        stage: Any
        for stage in self.fpn_stages:
            mid = stage['gp_64_4'](p6, p4, sizes[1])
            mid = stage['sum_44_4'](mid, p4, sizes[1])
            p3 = stage['sum_43_3'](mid, p3, sizes[0])
            p4 = stage['sum_34_4'](p3, mid, sizes[1])
            p5 = stage['sum_55_5'](p5, stage['gp_43_5'](p4, p3, sizes[2]), sizes[2])
            p7 = stage['sum_77_7'](p7, stage['gp_54_7'](p5, mid, sizes[4]), sizes[4])
            p6 = stage['gp_75_6'](p7, p5, sizes[3])
        return p3, p4, p5, p6, p7
