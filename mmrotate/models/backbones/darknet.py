"""Darknet of YOLOv3 and CSPDarknet of YOLOX, with the keys of MMDetection."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmrotate.models.layers import ConvModule
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

from .base import KAIMING_INIT, Backbone

# stages that every CSPDarknet has, see there
_FIRST = [[64, 128, 3, True, False], [128, 256, 9, True, False], [256, 512, 9, True, False]]
_YOLO_NORM = dict(type='BN', momentum=0.03, eps=0.001)


class DarknetBlock(nn.Module):
    """Convolutions of 1x1 and 3x3 with a shortcut around them."""

    def __init__(self, channels: int, mid_channels: int, **block: Any) -> None:
        super().__init__()
        self.conv1 = ConvModule(channels, mid_channels, 1, **block)
        self.conv2 = ConvModule(mid_channels, channels, 3, padding=1, **block)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same shape."""
        return x + self.conv2(self.conv1(x))


@MODELS.register_module()
class Darknet(Backbone):
    """Darknet (Redmon and Farhadi, YOLOv3, 2018) as a pyramid of feature maps.

    Args:
        depth: Only 53.
        out_indices: Stages whose maps are returned, of 0 to 5; those by default have strides of 8, 16 and 32.
        frozen_stages: Stages that get no gradient, the first convolution counted as one.
        conv_cfg: Convolutions.
        norm_cfg: Normalisation.
        act_cfg: Activation.
        norm_eval: See :class:`Backbone`.
        init_cfg: Initialisation; default Kaiming.
        **kwargs: See :class:`Backbone`.
    """

    def __init__(
        self,
        depth: int = 53,
        out_indices: Sequence[int] = (3, 4, 5),
        frozen_stages: int = -1,
        conv_cfg: dict | None = None,
        norm_cfg: dict = dict(type='BN', requires_grad=True),  # noqa: B006
        act_cfg: dict = dict(type='LeakyReLU', negative_slope=0.1),  # noqa: B006
        norm_eval: bool = True,
        init_cfg: dict | list | None = None,
        **kwargs: Any,
    ) -> None:
        if depth != 53:
            raise KeyError(f'depth={depth}: a Darknet has the depth 53')
        super().__init__(init_cfg or KAIMING_INIT, frozen_stages=frozen_stages, norm_eval=norm_eval, **kwargs)
        counts = (1, 2, 8, 8, 4)
        self.out_indices = self._chosen(out_indices, len(counts) + 1)
        block: dict[str, Any] = dict(conv_cfg=conv_cfg, norm_cfg=norm_cfg, act_cfg=act_cfg)
        self.conv1 = ConvModule(3, 32, 3, padding=1, **block)
        for i, count in enumerate(counts):
            stage = self.make_conv_res_block(32 * 2**i, 64 * 2**i, count, **block)
            self.add_module(f'conv_res_block{i + 1}', stage)
        self._freeze()

    @staticmethod
    def make_conv_res_block(in_channels: int, out_channels: int, res_repeat: int, **block: Any) -> nn.Sequential:
        """A stage: a convolution of stride 2 and residual blocks."""
        stage = nn.Sequential()
        stage.add_module('conv', ConvModule(in_channels, out_channels, 3, stride=2, padding=1, **block))
        for i in range(res_repeat):
            stage.add_module(f'res{i}', DarknetBlock(out_channels, out_channels // 2, **block))
        return stage

    def _stages(self) -> list[Any]:
        return [[self.conv1], *(m for name, m in self.named_children() if name.startswith('conv_res'))]

    def _parts(self) -> list[list[nn.Module]]:
        return [[], *map(list, self._stages())]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Images (N, 3, H, W) -> maps of the chosen stages, finest first."""
        return self._through(self._stages(), x)


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


def _conv(separable: bool, *args: Any, **kwargs: Any) -> nn.Module:
    return (SeparableConv if separable else ConvModule)(*args, **kwargs)


class CSPBlock(nn.Module):
    """Convolutions of 1x1 and 3x3, with a shortcut if ``add_identity``."""

    def __init__(self, channels: int, add_identity: bool, separable: bool, **block: Any) -> None:
        super().__init__()
        self.conv1 = ConvModule(channels, channels, 1, **block)
        self.conv2 = _conv(separable, channels, channels, 3, padding=1, **block)
        self.add_identity = add_identity

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same shape."""
        out = self.conv2(self.conv1(x))
        return x + out if self.add_identity else out


class CSPLayer(nn.Module):
    """Blocks for one half of the channels, and the other half beside them (Wang et al., CSPNet, CVPRW 2020)."""

    def __init__(self, channels: int, num_blocks: int, add_identity: bool, separable: bool, **block: Any) -> None:
        super().__init__()
        half = channels // 2
        self.main_conv, self.short_conv = (ConvModule(channels, half, 1, **block) for _ in range(2))
        self.final_conv = ConvModule(2 * half, channels, 1, **block)
        self.blocks = nn.Sequential(*(CSPBlock(half, add_identity, separable, **block) for _ in range(num_blocks)))

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same shape."""
        return self.final_conv(torch.cat([self.blocks(self.main_conv(x)), self.short_conv(x)], 1))


class Focus(nn.Module):
    """Every second pixel both ways as a map of its own, and a convolution."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, **block: Any) -> None:
        super().__init__()
        self.conv = ConvModule(4 * in_channels, out_channels, kernel_size, padding=kernel_size // 2, **block)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) of even sides -> (N, out_channels, H / 2, W / 2)."""
        return self.conv(torch.cat([x[..., i::2, j::2] for j in (0, 1) for i in (0, 1)], 1))


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


@MODELS.register_module()
class CSPDarknet(Backbone):
    """CSPDarknet of YOLOv5 and YOLOX (Ge et al., YOLOX, 2021) as a pyramid of feature maps.

    Args:
        arch: ``'P5'`` or ``'P6'``: stages down to stride 32 or 64.
        deepen_factor: Factor of the blocks of every stage.
        widen_factor: Factor of all channels.
        out_indices: Stages whose maps are returned, the stem counted as 0 and of stride 2.
        frozen_stages: See :class:`Backbone`.
        use_depthwise: Depthwise convolutions and such of 1x1 in place of those of 3x3.
        arch_ovewrite: In place of ``arch``, of each stage: channels before and in it, blocks, whether they have
            shortcuts, and whether there is a pyramid of windows.
        spp_kernal_sizes: Sizes of those windows.
        conv_cfg: Convolutions.
        norm_cfg: Normalisation.
        act_cfg: Activation.
        init_cfg: Initialisation; default Kaiming, uniform.
        **kwargs: See :class:`Backbone`.
    """

    arch_settings: dict[str, list[list]] = {
        'P5': [*_FIRST, [512, 1024, 3, False, True]],
        'P6': [*_FIRST, [512, 768, 3, True, False], [768, 1024, 3, False, True]],
    }

    def __init__(
        self,
        arch: str = 'P5',
        deepen_factor: float = 1.0,
        widen_factor: float = 1.0,
        out_indices: Sequence[int] = (2, 3, 4),
        frozen_stages: int = -1,
        use_depthwise: bool = False,
        arch_ovewrite: list | None = None,
        spp_kernal_sizes: Sequence[int] = (5, 9, 13),
        conv_cfg: dict | None = None,
        norm_cfg: dict = _YOLO_NORM,
        act_cfg: dict = dict(type='Swish'),  # noqa: B006
        init_cfg: dict | list | None = None,
        **kwargs: Any,
    ) -> None:
        uniform = dict(type='Kaiming', layer='Conv2d', a=math.sqrt(5), distribution='uniform', mode='fan_in')
        super().__init__(init_cfg or dict(uniform, nonlinearity='leaky_relu'), frozen_stages=frozen_stages, **kwargs)
        if arch not in self.arch_settings and not arch_ovewrite:
            raise ArgumentError(f'arch={arch!r}: a CSPDarknet is one of {list(self.arch_settings)}')
        settings = arch_ovewrite or self.arch_settings[arch]
        self.out_indices = self._chosen(out_indices, len(settings) + 1)
        block: dict[str, Any] = dict(conv_cfg=conv_cfg, norm_cfg=norm_cfg, act_cfg=act_cfg)
        self.stem = Focus(3, int(settings[0][0] * widen_factor), 3, **block)
        for i, (before, channels, count, add_identity, use_spp) in enumerate(settings):
            width = int(channels * widen_factor)
            parts = [_conv(use_depthwise, int(before * widen_factor), width, 3, stride=2, padding=1, **block)]
            parts += [SPPBottleneck(width, spp_kernal_sizes, **block)] if use_spp else []
            blocks = max(round(count * deepen_factor), 1)
            self.add_module(
                f'stage{i + 1}', nn.Sequential(*parts, CSPLayer(width, blocks, add_identity, use_depthwise, **block))
            )
        self._freeze()

    def _stages(self) -> list[Any]:
        return [[self.stem], *(m for name, m in self.named_children() if name.startswith('stage'))]

    def _parts(self) -> list[list[nn.Module]]:
        return list(map(list, self._stages()))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Images (N, 3, H, W) of even sides -> maps of the chosen stages, finest first."""
        return self._through(self._stages(), x)
