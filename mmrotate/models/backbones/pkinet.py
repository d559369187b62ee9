"""PKINet: kernels of many sizes side by side, weighed by what long strips see."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mmrotate.models.layers import ConvModule, LayerNorm2d
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

from .base import Backbone
from .large_kernel import ScaledBlock, fan_out_normal, named

# arch -> channels of the stem and of each stage, blocks of each stage
_ARCHITECTURES: dict[str, tuple[Sequence[int], Sequence[int]]] = {
    'T': ((16, 32, 64, 128, 256), (4, 14, 22, 4)),
    'S': ((32, 64, 128, 256, 512), (4, 12, 20, 4)),
}
# of each stage: inner channels of the network beside the blocks, in units of its own, and its kernel
_BESIDE = ((8, 5), (8, 7), (4, 9), (4, 11))
_KERNELS = (3, 5, 7, 9, 11)
_STRIP = 11  # of the first block; every further one sees 2 px more
_DROP = 0.1


def _layer(channels: int, out_channels: int) -> ConvModule:
    """A linear layer on every pixel."""
    return ConvModule(channels, out_channels, 1, act_cfg=None)


def _depthwise(channels: int, kernel: tuple[int, int]) -> ConvModule:
    """A convolution of every channel by itself."""
    padding = (kernel[0] // 2, kernel[1] // 2)
    return ConvModule(channels, channels, kernel, padding=padding, groups=channels, act_cfg=None)


class SelfGate(nn.Module):
    """Every channel times the sigmoid of its mean."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same shape."""
        return x * x.mean((2, 3), keepdim=True).sigmoid()


class ContextAnchor(nn.Module):
    """A factor in (0, 1) for every value, from the means around it and two long strips."""

    def __init__(self, channels: int, strip: int) -> None:
        super().__init__()
        self.avg_pool = nn.AvgPool2d(7, 1, 3)
        self.conv1, self.conv2 = _layer(channels, channels), _layer(channels, channels)
        self.h_conv, self.v_conv = _depthwise(channels, (1, strip)), _depthwise(channels, (strip, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same shape."""
        return self.conv2(self.v_conv(self.h_conv(self.conv1(self.avg_pool(x))))).sigmoid()


class PolyKernel(nn.Module):
    """Kernels of several sizes side by side, weighed by a :class:`ContextAnchor`."""

    def __init__(self, channels: int, strip: int, **block: Any) -> None:
        super().__init__()
        self.pre_conv = ConvModule(channels, channels, 1, **block)
        for i, size in enumerate(_KERNELS):
            self.add_module(f'dw_conv{i or ""}', _depthwise(channels, (size, size)))
        self.pw_conv = ConvModule(channels, channels, 1, **block)
        self.caa_factor = ContextAnchor(channels, strip)
        self.post_conv = ConvModule(channels, channels, 1, **block)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same shape."""
        x = self.pre_conv(x)
        near = self.get_submodule('dw_conv')(x)
        seen = near + sum(getattr(self, f'dw_conv{i}')(near) for i in range(1, len(_KERNELS)))
        return self.post_conv(self.pw_conv(seen) * (1 + self.caa_factor(x)))


class ConvFFN(nn.Module):
    """Two layers on every pixel of the normalised map, and a depthwise convolution and a gate between them."""

    def __init__(self, channels: int, ratio: int, kernel: int, drop: float = 0.0) -> None:
        super().__init__()
        hidden = channels * ratio
        # the numbers are those that published checkpoints have in their keys
        layers: dict[int, nn.Module] = {
            1: LayerNorm2d(channels),
            3: _layer(channels, hidden),
            4: _depthwise(hidden, (kernel, kernel)),
            5: SelfGate(),
            6: nn.Dropout(drop),
            7: _layer(hidden, channels),
            8: nn.Dropout(drop),
        }
        self.ffn_layers = named(**{str(number): layer for number, layer in layers.items()})

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same shape."""
        return self.ffn_layers(x)


class PKIBlock(ScaledBlock):
    """A :class:`PolyKernel` and a :class:`ConvFFN`."""

    names = (('norm1', 'block', 'gamma1'), ('norm2', 'ffn', 'gamma2'))

    def __init__(self, channels: int, strip: int, drop_path: float, **block: Any) -> None:
        parts = PolyKernel(channels, strip, **block), ConvFFN(channels, 4, 3, _DROP)
        super().__init__(channels, *parts, drop_path, 1.0, block['norm_cfg'])


class PKIStage(nn.Module):
    """Blocks side by side on one half of the channels, and a :class:`ConvFFN` on the other."""

    def __init__(
        self, in_channels: int, channels: int, beside: tuple[int, int], drop_paths: Sequence[float], **block: Any
    ) -> None:
        super().__init__()
        half = channels // 2
        self.downsample = named(down_conv=ConvModule(in_channels, channels, 3, 2, 1, **block))
        self.conv1, self.conv2, self.conv3 = (ConvModule(channels, channels, 1, **block) for _ in range(3))
        self.ffn = ConvFFN(half, *beside)
        strips = range(_STRIP, _STRIP + 2 * len(drop_paths), 2)
        self.blocks = nn.ModuleList(PKIBlock(half, *each, **block) for each in zip(strips, drop_paths, strict=True))

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, channels, H / 2, W / 2)."""
        beside, inner = self.conv1(self.downsample(x)).chunk(2, 1)
        seen = sum(block(inner) for block in self.blocks)
        return self.conv3(self.conv2(torch.cat([beside + self.ffn(beside), seen], 1)))


@MODELS.register_module()
class PKINet(Backbone):
    """Poly kernel inception network (Cai et al., CVPR 2024) as a pyramid of feature maps of strides 4 to 32.

    Args:
        arch: ``'T'`` or ``'S'``, or a dict with the ``channels`` of the stem and of each of four stages, and their
            blocks (``depths``).
        out_indices: Stages whose maps are returned, the stem counted as 0 and of stride 2.
        drop_path_rate: Share of images that skip the last block in training; less in earlier ones.
        norm_cfg: Normalisation.
        act_cfg: Activation.
        init_cfg: Initialisation; default normal weights by the outputs of each input.
        **kwargs: See :class:`Backbone`.
    """

    def __init__(
        self,
        arch: str | dict = 'S',
        out_indices: Sequence[int] = (0, 1, 2, 3, 4),
        drop_path_rate: float = 0.1,
        norm_cfg: dict = dict(type='BN', momentum=0.03, eps=0.001),  # noqa: B006
        act_cfg: dict = dict(type='SiLU'),  # noqa: B006
        init_cfg: dict | list | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(arch, str) and arch not in _ARCHITECTURES:
            raise ArgumentError(f'arch={arch!r}: a PKINet is one of {list(_ARCHITECTURES)}, or a dict')
        channels, depths = _ARCHITECTURES[arch] if isinstance(arch, str) else (arch['channels'], arch['depths'])
        super().__init__(init_cfg, **kwargs)
        self.out_indices = self._chosen(out_indices, len(channels))
        block: dict[str, Any] = dict(norm_cfg=norm_cfg, act_cfg=act_cfg)
        first = channels[0]
        stem = named(
            down_conv=ConvModule(3, first, 3, 2, 1, **block),
            conv1=ConvModule(first, first, 3, padding=1, **block),
            conv2=ConvModule(first, first, 3, padding=1, **block),
        )
        rates = np.split(np.linspace(0, drop_path_rate, sum(depths)), np.cumsum(depths)[:-1])
        stages = (
            PKIStage(before, width, beside, rate.tolist(), **block)
            for before, width, beside, rate in zip(channels[:-1], channels[1:], _BESIDE, rates, strict=True)
        )
        self.stages = nn.ModuleList([stem, *stages])
        self.stem = stem  # checkpoints have it twice
        fan_out_normal(self)
        self._freeze()

    def _parts(self) -> list[list[nn.Module]]:
        return [[stage] for stage in self.stages]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Images (N, 3, H, W) -> maps of the chosen stages, finest first."""
        return self._through(self._parts(), x)
