"""Blocks of cross-stage partial networks, which backbones and necks share."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmrotate.models.layers import ConvModule, build_activation
from mmrotate.utils.errors import ArgumentError

# initialisation of these networks
CSP_INIT: dict[str, Any] = dict(
    type='Kaiming', layer='Conv2d', a=math.sqrt(5), distribution='uniform', mode='fan_in', nonlinearity='leaky_relu'
)


class SeparableConv(nn.Module):
    """A depthwise convolution and one of 1x1; arguments as of :class:`ConvModule`."""

    def __init__(self, channels: int, out_channels: int, kernel_size: int, stride: int = 1, **kwargs: Any) -> None:
        super().__init__()
        padding = kwargs.pop('padding', 0)
        settings: dict[str, Any] = dict(kernel_size=kernel_size, stride=stride, padding=padding, groups=channels)
        self.depthwise_conv = ConvModule(channels, channels, **settings, **kwargs)
        self.pointwise_conv = ConvModule(channels, out_channels, 1, **kwargs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, out_channels, H', W')."""
        return self.pointwise_conv(self.depthwise_conv(x))


def any_conv(separable: bool, *args: Any, **kwargs: Any) -> nn.Module:
    """A :class:`SeparableConv` or a plain ConvModule, with the same arguments."""
    return (SeparableConv if separable else ConvModule)(*args, **kwargs)


class CSPBlock(nn.Module):
    """Two convolutions, with a shortcut if ``add_identity``.

    They are of 1x1 and 3x3; ``wide`` ones, of CSPNeXt, of 3x3 and, depthwise, 5x5.
    """

    def __init__(self, channels: int, add_identity: bool, separable: bool, wide: bool = False, **block: Any) -> None:
        super().__init__()
        if wide:
            self.conv1 = any_conv(separable, channels, channels, 3, padding=1, **block)
            self.conv2: nn.Module = SeparableConv(channels, channels, 5, padding=2, **block)
        else:
            self.conv1 = ConvModule(channels, channels, 1, **block)
            self.conv2 = any_conv(separable, channels, channels, 3, padding=1, **block)
        self.add_identity = add_identity

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same shape."""
        out = self.conv2(self.conv1(x))
        return x + out if self.add_identity else out


class ChannelAttention(nn.Module):
    """A factor for each channel from the means of all (Lyu et al., RTMDet, 2022)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Conv2d(channels, channels, 1)
        self.act = nn.Hardsigmoid(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same shape."""
        return x * self.act(self.fc(x.mean((2, 3), keepdim=True)))


class CSPLayer(nn.Module):
    """Blocks for one part of the channels, and another beside them (Wang et al., CSPNet, CVPRW 2020).

    Args:
        in_channels: Channels of the input.
        channels: Channels of the output.
        num_blocks: Blocks, one behind the other.
        add_identity: Whether they have shortcuts.
        separable: Depthwise convolutions and such of 1x1 in them, in place of those of 3x3.
        expand_ratio: Channels of each part, in units of ``channels``.
        channel_attention: The parts are weighed by a :class:`ChannelAttention` before they are joined.
        wide: See :class:`CSPBlock`.
        **block: Configs of the convolutions.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        num_blocks: int,
        add_identity: bool,
        separable: bool,
        expand_ratio: float = 0.5,
        channel_attention: bool = False,
        wide: bool = False,
        **block: Any,
    ) -> None:
        super().__init__()
        part = int(channels * expand_ratio)
        self.main_conv, self.short_conv = (ConvModule(in_channels, part, 1, **block) for _ in range(2))
        self.final_conv = ConvModule(2 * part, channels, 1, **block)
        blocks = (CSPBlock(part, add_identity, separable, wide, **block) for _ in range(num_blocks))
        self.blocks = nn.Sequential(*blocks)
        self.attention = ChannelAttention(2 * part) if channel_attention else None

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, channels, H, W)."""
        parts = torch.cat([self.blocks(self.main_conv(x)), self.short_conv(x)], 1)
        return self.final_conv(parts if self.attention is None else self.attention(parts))


class RepBlock(nn.Module):
    """The sum of a convolution of 3x3 and one of 1x1, then the activation (Ding et al., RepVGG, CVPR 2021)."""

    def __init__(self, channels: int, act_cfg: dict | None, **block: Any) -> None:
        super().__init__()
        self.rbr_dense = ConvModule(channels, channels, 3, padding=1, act_cfg=None, **block)
        self.rbr_1x1 = ConvModule(channels, channels, 1, act_cfg=None, **block)
        self.activate = build_activation(act_cfg)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same shape."""
        out = self.rbr_dense(x) + self.rbr_1x1(x)
        return out if self.activate is None else self.activate(out)


class RepLayer(nn.Module):
    """As :class:`CSPLayer`, but of :class:`RepBlock`, and its two parts are added (Zhao et al., RT-DETR, CVPR 2024)."""

    def __init__(
        self,
        in_channels: int,
        channels: int,
        num_blocks: int,
        add_identity: bool,
        separable: bool,
        expand_ratio: float = 1.0,
        **block: Any,
    ) -> None:
        super().__init__()
        if add_identity or separable:
            raise ArgumentError('the blocks of a RepLayer have neither shortcuts nor depthwise convolutions')
        part = int(channels * expand_ratio)
        self.main_conv, self.short_conv = (ConvModule(in_channels, part, 1, **block) for _ in range(2))
        self.blocks = nn.Sequential(*(RepBlock(part, **block) for _ in range(num_blocks)))
        self.final_conv = nn.Identity() if part == channels else ConvModule(part, channels, 1, **block)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, channels, H, W)."""
        return self.final_conv(self.blocks(self.main_conv(x)) + self.short_conv(x))


class SPPBottleneck(nn.Module):
    """Largest values around each pixel in windows of several sizes (He et al., ECCV 2014)."""

    def __init__(self, channels: int, kernel_sizes: Sequence[int], **block: Any) -> None:
        super().__init__()
        half = channels // 2
        self.conv1 = ConvModule(channels, half, 1, **block)
        self.poolings = nn.ModuleList(nn.MaxPool2d(size, stride=1, padding=size // 2) for size in kernel_sizes)
        self.conv2 = ConvModule(half * (len(kernel_sizes) + 1), channels, 1, **block)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same shape."""
        x = self.conv1(x)
        return self.conv2(torch.cat([x, *(pool(x) for pool in self.poolings)], 1))
