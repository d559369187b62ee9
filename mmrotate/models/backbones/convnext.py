"""ConvNeXt, with the keys of mmcls."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mmrotate.models.layers import DropPath, LayerNorm2d
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

from .base import Backbone

# arch -> blocks and channels of each stage
_ARCHITECTURES: dict[str, tuple[Sequence[int], Sequence[int]]] = {
    'tiny': ((3, 3, 9, 3), (96, 192, 384, 768)),
    'small': ((3, 3, 27, 3), (96, 192, 384, 768)),
    'base': ((3, 3, 27, 3), (128, 256, 512, 1024)),
    'large': ((3, 3, 27, 3), (192, 384, 768, 1536)),
    'xlarge': ((3, 3, 27, 3), (256, 512, 1024, 2048)),
}
_INIT = dict(type='TruncNormal', layer=['Conv2d', 'Linear'], std=0.02, bias=0.0)
_EPS = 1e-6


class ConvNeXtBlock(nn.Module):
    """A depthwise convolution and two layers on every pixel, with a shortcut."""

    def __init__(self, channels: int, drop_path: float, layer_scale: float) -> None:
        super().__init__()
        self.depthwise_conv = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=_EPS)
        self.pointwise_conv1 = nn.Linear(channels, 4 * channels)
        self.act = nn.GELU()
        self.pointwise_conv2 = nn.Linear(4 * channels, channels)
        self.gamma = nn.Parameter(layer_scale * torch.ones(channels)) if layer_scale > 0 else None
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        y = self.norm(self.depthwise_conv(x).permute(0, 2, 3, 1))
        y = self.pointwise_conv2(self.act(self.pointwise_conv1(y)))
        y = y if self.gamma is None else y * self.gamma
        return x + self.drop_path(y.permute(0, 3, 1, 2))


@MODELS.register_module()
class ConvNeXt(Backbone):
    """ConvNeXt (Liu et al., CVPR 2022) as a pyramid of feature maps.

    Args:
        arch: ``'tiny'``, ``'small'``, ``'base'``, ``'large'``, ``'xlarge'``, or a dict with the
            blocks (``depths``) and ``channels`` of each stage.
        stem_patch_size: Stride of the first stage in pixels; 4 for the usual pyramid.
        drop_path_rate: Share of images that skip the last block in training; less in earlier ones.
        layer_scale_init_value: First factor of each block's channels; 0 for no factor.
        out_indices: Stages whose maps are returned.
        gap_before_final_norm: Of 0.x; True, which pools the maps to vectors, is not there.
        **kwargs: See :class:`Backbone`; the stem belongs to the first stage, so ``frozen_stages=0`` freezes nothing.
    """

    def __init__(
        self,
        arch: str | dict = 'tiny',
        in_channels: int = 3,
        stem_patch_size: int = 4,
        drop_path_rate: float = 0.0,
        layer_scale_init_value: float = 1e-6,
        out_indices: Sequence[int] | int = (0, 1, 2, 3),
        gap_before_final_norm: bool = False,
        init_cfg: dict | list | None = None,
        **kwargs: Any,
    ) -> None:
        if gap_before_final_norm:
            raise ArgumentError('gap_before_final_norm=True gives vectors; a detector needs maps')
        if isinstance(arch, str) and arch not in _ARCHITECTURES:
            raise ArgumentError(f'arch={arch!r}: a ConvNeXt is one of {list(_ARCHITECTURES)}, or a dict')
        depths, channels = _ARCHITECTURES[arch] if isinstance(arch, str) else (arch['depths'], arch['channels'])
        super().__init__(init_cfg or _INIT, **kwargs)
        chosen = [out_indices] if isinstance(out_indices, int) else out_indices
        self.out_indices = tuple(i % len(depths) for i in chosen)
        rates = iter(np.linspace(0, drop_path_rate, sum(depths)).tolist())
        self.downsample_layers, self.stages = nn.ModuleList(), nn.ModuleList()
        for i, (depth, width) in enumerate(zip(depths, channels, strict=True)):
            before, stride = (channels[i - 1], 2) if i else (in_channels, stem_patch_size)
            shrink: list[nn.Module] = [nn.Conv2d(before, width, stride, stride=stride)]
            # the stem is normalised behind its convolution, all else before it
            shrink.insert(0 if i else 1, LayerNorm2d(before if i else width, eps=_EPS))
            self.downsample_layers.append(nn.Sequential(*shrink))
            blocks = (ConvNeXtBlock(width, next(rates), layer_scale_init_value) for _ in range(depth))
            self.stages.append(nn.Sequential(*blocks))
            if i in self.out_indices:
                self.add_module(f'norm{i}', LayerNorm2d(width, eps=_EPS))
        self._freeze()

    def _parts(self) -> list[list[nn.Module]]:
        return [[], *map(list, zip(self.downsample_layers, self.stages, strict=True))]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Images (N, in_channels, H, W) -> maps of the chosen stages, finest first."""
        outs = []
        for i, (shrink, stage) in enumerate(zip(self.downsample_layers, self.stages, strict=True)):
            x = self._run(stage, shrink(x))
            if i in self.out_indices:
                outs.append(getattr(self, f'norm{i}')(x).contiguous())
        return tuple(outs)
