"""LSKNet and StripNet: stages of blocks that weigh every pixel by what large kernels see around it."""

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mmrotate.models.layers import DropPath, LayerNorm2d, SoundConv2d, build_norm
from mmrotate.registry import MODELS

from .base import Backbone

_NORM = dict(type='BN')


def depthwise(channels: int, kernel_size: int | tuple[int, int], dilation: int = 1) -> SoundConv2d:
    """A convolution of every channel by itself, which keeps the size of the map; ``kernel_size`` is odd."""
    return SoundConv2d(channels, channels, kernel_size, padding='same', dilation=dilation, groups=channels)


def named(**layers: nn.Module) -> nn.Sequential:
    """Layers one behind the other, by name."""
    return nn.Sequential(OrderedDict(layers))


def fan_out_normal(module: nn.Module) -> None:
    """Weights of all convolutions from a normal distribution, of variance 2 over the outputs of an input; no bias."""
    for conv in module.modules():
        if isinstance(conv, nn.Conv2d):
            outputs = math.prod(conv.kernel_size) * conv.out_channels // conv.groups
            nn.init.normal_(conv.weight, std=math.sqrt(2 / outputs))
            if conv.bias is not None:
                nn.init.zeros_(conv.bias)


class ScaledBlock(nn.Module):
    """Two parts one after the other, each behind a norm, with a factor for each channel and a shortcut.

    Args:
        channels: Channels of the maps.
        first: The first part, which keeps the shape of its input; it looks around.
        second: The second one, which looks at every pixel for itself, or little more.
        drop_path: Share of images that take the shortcuts alone in training.
        layer_scale: First value of the factors.
        norm_cfg: Normalisation.
    """

    # names of the norm, of the part and of the factors
    names = (('norm1', 'attn', 'layer_scale_1'), ('norm2', 'mlp', 'layer_scale_2'))

    def __init__(
        self,
        channels: int,
        first: nn.Module,
        second: nn.Module,
        drop_path: float = 0.0,
        layer_scale: float = 0.01,
        norm_cfg: dict = _NORM,
    ) -> None:
        super().__init__()
        self.drop_path = DropPath(drop_path)
        for (norm, name, scale), part in zip(self.names, (first, second), strict=True):
            self.add_module(norm, build_norm(norm_cfg, channels)[1])
            self.add_module(name, part)
            self.register_parameter(scale, nn.Parameter(layer_scale * torch.ones(channels)))

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same shape."""
        for norm, name, scale in self.names:
            y = getattr(self, name)(getattr(self, norm)(x))
            x = x + self.drop_path(y * getattr(self, scale)[:, None, None])
        return x


class SelectiveKernel(nn.Module):
    """Every pixel times a choice, made for it, between kernels of 5 and of 23 pixels (Li et al., ICCV 2023)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.conv0 = depthwise(channels, 5)
        self.conv_spatial = depthwise(channels, 7, dilation=3)
        self.conv1 = nn.Conv2d(channels, half, 1)
        self.conv2 = nn.Conv2d(channels, half, 1)
        self.conv_squeeze = nn.Conv2d(2, 2, 7, padding=3)
        self.conv = nn.Conv2d(half, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same shape."""
        near = self.conv0(x)
        far = self.conv2(self.conv_spatial(near))
        near = self.conv1(near)
        both = torch.cat([near, far], 1)
        summary = torch.cat([both.mean(1, keepdim=True), both.amax(1, keepdim=True)], 1)
        of_near, of_far = self.conv_squeeze(summary).sigmoid().chunk(2, 1)
        return x * self.conv(near * of_near + far * of_far)


class StripGate(nn.Module):
    """Every pixel times what a square kernel and two strips see around it (Yuan et al., Strip R-CNN, 2025).

    Args:
        channels: Channels of the maps.
        sides: Sides of the first strip, height and width; the second one lies across.
        names: Names of the two strips.
    """

    def __init__(
        self, channels: int, sides: tuple[int, int], names: Sequence[str] = ('conv_spatial1', 'conv_spatial2')
    ) -> None:
        super().__init__()
        self.names = names
        self.conv0 = depthwise(channels, 5)
        self.add_module(names[0], depthwise(channels, sides))
        self.add_module(names[1], depthwise(channels, sides[::-1]))
        self.conv1 = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same shape."""
        seen = self.conv0(x)
        for name in self.names:
            seen = getattr(self, name)(seen)
        return x * self.conv1(seen)


class GatedMixer(nn.Module):
    """A gate between two layers on every pixel, with a shortcut."""

    def __init__(self, channels: int, gate: nn.Module) -> None:
        super().__init__()
        self.proj_1 = nn.Conv2d(channels, channels, 1)
        self.activation = nn.GELU()
        self.spatial_gating_unit = gate
        self.proj_2 = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same shape."""
        return x + self.proj_2(self.spatial_gating_unit(self.activation(self.proj_1(x))))


class ConvMLP(nn.Module):
    """Two layers on every pixel, and a depthwise convolution of 3x3 between them."""

    def __init__(self, channels: int, hidden: int, drop: float) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, hidden, 1)
        self.dwconv = named(dwconv=depthwise(hidden, 3))
        self.act = nn.GELU()
        self.fc2 = nn.Conv2d(hidden, channels, 1)
        self.drop = nn.Dropout(drop)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same shape."""
        return self.drop(self.fc2(self.drop(self.act(self.dwconv(self.fc1(x))))))


class PatchEmbed(nn.Module):
    """A convolution whose windows overlap, and a norm."""

    def __init__(self, in_channels: int, channels: int, kernel_size: int, stride: int, norm_cfg: dict) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, channels, kernel_size, stride, kernel_size // 2)
        self.norm = build_norm(norm_cfg, channels)[1]

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, channels, H / stride, W / stride)."""
        return self.norm(self.proj(x))


@MODELS.register_module()
class LSKNet(Backbone):
    """Large selective kernel network (Li et al., ICCV 2023) as a pyramid of feature maps of strides 4 to 32.

    Args:
        in_chans: Channels of the images.
        embed_dims: Channels of each stage.
        mlp_ratios: Inner channels of the MLPs of each stage, in units of its channels.
        drop_rate: Share of values that the MLPs drop in training.
        drop_path_rate: Share of images that skip the last block in training; less in earlier ones.
        depths: Blocks of each stage.
        out_indices: Stages whose maps are returned.
        norm_cfg: Normalisation in the stages; default batch norm. Behind each is a layer norm.
        init_cfg: Initialisation; default normal weights by the outputs of each input.
        **kwargs: See :class:`Backbone`; the stem belongs to the first stage, so ``frozen_stages=0`` freezes nothing.
    """

    def __init__(
        self,
        in_chans: int = 3,
        embed_dims: Sequence[int] = (64, 128, 256, 512),
        mlp_ratios: Sequence[float] = (8, 8, 4, 4),
        drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        depths: Sequence[int] = (3, 4, 6, 3),
        out_indices: Sequence[int] = (0, 1, 2, 3),
        norm_cfg: dict | None = None,
        init_cfg: dict | list | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(init_cfg, **kwargs)
        norm = norm_cfg or _NORM
        self.out_indices = self._chosen(out_indices, len(depths))
        rates = iter(np.linspace(0, drop_path_rate, sum(depths)).tolist())
        for i, (width, ratio, depth) in enumerate(zip(embed_dims, mlp_ratios, depths, strict=True)):
            before, window = (embed_dims[i - 1], (3, 2)) if i else (in_chans, (7, 4))
            self.add_module(f'patch_embed{i + 1}', PatchEmbed(before, width, *window, norm))
            blocks = nn.ModuleList()
            for _ in range(depth):
                parts = GatedMixer(width, self._gate(i, width)), ConvMLP(width, int(width * ratio), drop_rate)
                blocks.append(ScaledBlock(width, *parts, next(rates), norm_cfg=norm))
            self.add_module(f'block{i + 1}', blocks)
            self.add_module(f'norm{i + 1}', LayerNorm2d(width, eps=1e-6))
        fan_out_normal(self)
        self._freeze()

    def _gate(self, stage: int, channels: int) -> nn.Module:
        """The gate of a block of a stage, counted from 0."""
        return SelectiveKernel(channels)

    def _stage(self, i: int) -> tuple[Any, Any, Any]:
        return getattr(self, f'patch_embed{i + 1}'), getattr(self, f'block{i + 1}'), getattr(self, f'norm{i + 1}')

    def _parts(self) -> list[list[nn.Module]]:
        return [[], *(list(self._stage(i)) for i in range(max(self.out_indices) + 1))]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Images (N, in_chans, H, W) -> maps of the chosen stages, finest first."""
        outs = []
        for i in range(max(self.out_indices) + 1):
            embed, blocks, norm = self._stage(i)
            x = norm(self._run(blocks, embed(x))).contiguous()
            if i in self.out_indices:
                outs.append(x)
        return tuple(outs)


@MODELS.register_module()
class StripNet(LSKNet):
    """The body of Strip R-CNN (Yuan et al., 2025): kernels that are long and narrow, along both axes.

    Args:
        *args: See :class:`LSKNet`.
        k1s: Short side of the strips of each stage.
        k2s: Long side.
        **kwargs: See :class:`LSKNet`.
    """

    def __init__(
        self, *args: Any, k1s: Sequence[int] = (1, 1, 1, 1), k2s: Sequence[int] = (19, 19, 19, 19), **kwargs: Any
    ) -> None:
        self._sides = list(zip(k1s, k2s, strict=True))
        super().__init__(*args, **kwargs)

    def _gate(self, stage: int, channels: int) -> nn.Module:
        return StripGate(channels, self._sides[stage])
