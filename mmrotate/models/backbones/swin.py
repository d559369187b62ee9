"""Swin Transformer, with the keys of mmdet."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmrotate.models.layers import DropPath
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

from .base import Backbone

# what mmdet lets a config say, and every published model leaves as it is
_FIXED = dict(
    strides=(4, 2, 2, 2),
    act_cfg=dict(type='GELU'),
    norm_cfg=dict(type='LN'),
    use_abs_pos_embed=False,
    pretrain_img_size=224,
)
_INIT = [
    dict(type='TruncNormal', layer='Linear', std=0.02, bias=0.0),
    dict(type='Constant', layer='LayerNorm', val=1.0, bias=0.0),
]
# a key of the original checkpoints -> ours
_RENAMED = (
    ('patch_embed.proj.', 'patch_embed.projection.'),
    ('layers.', 'stages.'),
    ('.attn.', '.attn.w_msa.'),
    ('.mlp.fc1.', '.ffn.layers.0.0.'),
    ('.mlp.fc2.', '.ffn.layers.1.'),
)


def _windows(x: Tensor, size: int) -> Tensor:
    """Maps (N, H, W, C) -> windows (N, H * W / size², size², C); H and W are multiples."""
    n, h, w, c = x.shape
    x = x.view(n, h // size, size, w // size, size, c)
    return x.transpose(2, 3).reshape(n, -1, size * size, c)


def _shift_mask(h: int, w: int, size: int, shift: int, like: Tensor) -> Tensor:
    """(windows, 1, size², size²): -100 between pixels that the shift brought side by side."""

    def region(length: int) -> Tensor:
        at = torch.arange(length, device=like.device)
        return (at >= length - size).to(like.dtype) + (at >= length - shift)

    regions = _windows((region(h)[:, None] * 3 + region(w))[None, ..., None], size)[0]
    return (regions != regions.transpose(1, 2))[:, None] * like.new_tensor(-100.0)


class WindowMSA(nn.Module):
    """Attention inside of windows, with a bias for every offset between two pixels."""

    relative_position_index: Tensor

    def __init__(
        self,
        channels: int,
        num_heads: int,
        window_size: int,
        qkv_bias: bool,
        qk_scale: float | None,
        attn_drop: float,
        drop: float,
    ) -> None:
        super().__init__()
        self.num_heads, self.scale, self.attn_drop = num_heads, qk_scale, attn_drop
        table = torch.zeros((2 * window_size - 1) ** 2, num_heads)
        self.relative_position_bias_table = nn.Parameter(nn.init.trunc_normal_(table, std=0.02))
        at = torch.arange(window_size)
        coords = (at[:, None] * (2 * window_size - 1) + at).flatten()
        self.register_buffer('relative_position_index', coords[:, None] + coords.flip(0))
        self.qkv = nn.Linear(channels, 3 * channels, bias=qkv_bias)
        self.proj = nn.Linear(channels, channels)
        self.proj_drop = nn.Dropout(drop)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Windows (N, n, L, C), and a mask (n, 1, L, L) to add or None -> the same shape."""
        qkv = self.qkv(x).unflatten(-1, (3, self.num_heads, -1))
        q, k, v = qkv.permute(3, 0, 1, 4, 2, 5)
        bias = self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)
        bias = bias if mask is None else bias + mask
        drop = self.attn_drop if self.training else 0.0
        out = F.scaled_dot_product_attention(q, k, v, bias.to(q.dtype), drop, scale=self.scale)
        return self.proj_drop(self.proj(out.transpose(2, 3).flatten(-2)))


class ShiftWindowMSA(nn.Module):
    """Window attention on a map, whose windows start at ``-shift``."""

    def __init__(self, channels: int, window_size: int, shift: int, **kwargs: Any) -> None:
        super().__init__()
        self.window_size, self.shift = window_size, shift
        self.w_msa = WindowMSA(channels, window_size=window_size, **kwargs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, H, W, C) -> the same shape."""
        _, height, width, _ = x.shape
        size, shift = self.window_size, self.shift
        x = F.pad(x, (0, 0, 0, -width % size, 0, -height % size))
        n, h, w, c = x.shape
        mask = _shift_mask(h, w, size, shift, x) if shift else None
        if shift:
            x = x.roll((-shift, -shift), (1, 2))
        x = self.w_msa(_windows(x, size), mask)
        x = x.view(n, h // size, w // size, size, size, c).transpose(2, 3).reshape(n, h, w, c)
        if shift:
            x = x.roll((shift, shift), (1, 2))
        return x[:, :height, :width]


class SwinBlock(nn.Module):
    """Window attention and a feed-forward layer, each with a shortcut."""

    def __init__(self, channels: int, mlp_ratio: float, drop: float, drop_path: float, **kwargs: Any) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attn = ShiftWindowMSA(channels, drop=drop, **kwargs)
        self.norm2 = nn.LayerNorm(channels)
        hidden = int(mlp_ratio * channels)
        expand = nn.Sequential(nn.Linear(channels, hidden), nn.GELU(), nn.Dropout(drop))
        layers = nn.Sequential(expand, nn.Linear(hidden, channels), nn.Dropout(drop))
        self.ffn = nn.Sequential(OrderedDict(layers=layers))
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """(N, H, W, C) -> the same shape."""
        x = x + self.drop_path(self.attn(self.norm1(x)))
        return x + self.drop_path(self.ffn(self.norm2(x)))


class PatchEmbed(nn.Module):
    """Each square of pixels as a vector."""

    def __init__(self, in_channels: int, channels: int, patch_size: int, norm: bool) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.projection = nn.Conv2d(in_channels, channels, patch_size, stride=patch_size)
        self.norm = nn.LayerNorm(channels) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, H', W', channels)."""
        x = F.pad(x, (0, -x.size(3) % self.patch_size, 0, -x.size(2) % self.patch_size))
        return self.norm(self.projection(x).permute(0, 2, 3, 1))


class PatchMerging(nn.Module):
    """Each square of two by two vectors as one of twice the length."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * channels)
        self.reduction = nn.Linear(4 * channels, 2 * channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, H, W, C) -> (N, ceil(H / 2), ceil(W / 2), 2 * C)."""
        x = F.pad(x, (0, 0, 0, x.size(2) % 2, 0, x.size(1) % 2)).permute(0, 3, 1, 2)
        return self.reduction(self.norm(F.pixel_unshuffle(x, 2).permute(0, 2, 3, 1)))


@MODELS.register_module()
class SwinTransformer(Backbone):
    """Swin Transformer (Liu et al., ICCV 2021) as a pyramid of feature maps.

    Args:
        embed_dims: Channels of the first stage, doubled in each further one.
        patch_size: Stride of the first stage in pixels; 4 for the usual pyramid.
        window_size: Side of the windows, in positions of a map.
        mlp_ratio: Width of the feed-forward layers over that of the stage.
        depths: Blocks of each stage.
        num_heads: Attention heads of each stage.
        out_indices: Stages whose maps are returned.
        qkv_bias: Biases of query, key and value.
        qk_scale: Factor of query times key; None for one over the root of a head's width.
        patch_norm: Normalise the first vectors.
        drop_rate: Dropout of vectors; of attention ``attn_drop_rate``.
        drop_path_rate: Share of images that skip the last block in training; less in earlier ones.
        convert_weights: The pretrained checkpoint has the keys of the original implementation.
        **kwargs: See :class:`Backbone`; of ``strides``, ``act_cfg``, ``norm_cfg``, ``use_abs_pos_embed`` and
            ``pretrain_img_size`` of 0.x only their defaults are there.
    """

    def __init__(
        self,
        in_channels: int = 3,
        embed_dims: int = 96,
        patch_size: int = 4,
        window_size: int = 7,
        mlp_ratio: float = 4,
        depths: Sequence[int] = (2, 2, 6, 2),
        num_heads: Sequence[int] = (3, 6, 12, 24),
        out_indices: Sequence[int] = (0, 1, 2, 3),
        qkv_bias: bool = True,
        qk_scale: float | None = None,
        patch_norm: bool = True,
        drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        drop_path_rate: float = 0.1,
        convert_weights: bool = False,
        init_cfg: dict | list | None = None,
        **kwargs: Any,
    ) -> None:
        for key in kwargs.keys() & _FIXED.keys():
            value = kwargs.pop(key)
            if (tuple(value) if isinstance(value, list) else value) != _FIXED[key]:
                raise ArgumentError(f'SwinTransformer: {key}={value!r} is not there, only {_FIXED[key]!r}')
        super().__init__(init_cfg or _INIT, **kwargs)
        self.out_indices, self.convert_weights = tuple(out_indices), convert_weights
        self.patch_embed = PatchEmbed(in_channels, embed_dims, patch_size, patch_norm)
        self.drop_after_pos = nn.Dropout(drop_rate)
        rates = iter(np.linspace(0, drop_path_rate, sum(depths)).tolist())
        block: dict[str, Any] = dict(mlp_ratio=mlp_ratio, window_size=window_size, drop=drop_rate)
        block |= dict(attn_drop=attn_drop_rate, qkv_bias=qkv_bias, qk_scale=qk_scale)
        self.stages = nn.ModuleList()
        for i, (depth, heads) in enumerate(zip(depths, num_heads, strict=True)):
            channels, block['num_heads'] = embed_dims * 2**i, heads
            shifts = [(j % 2) * (window_size // 2) for j in range(depth)]
            blocks = [SwinBlock(channels, shift=shift, drop_path=next(rates), **block) for shift in shifts]
            self.stages.append(nn.ModuleDict(dict(blocks=nn.ModuleList(blocks))))
            if i + 1 < len(depths):
                self.stages[i].add_module('downsample', PatchMerging(channels))
            if i in self.out_indices:
                self.add_module(f'norm{i}', nn.LayerNorm(channels))
        self._freeze()

    def _parts(self) -> list[list[nn.Module]]:
        stages = [[stage] for stage in self.stages]
        for i in self.out_indices:
            stages[i].append(self.get_submodule(f'norm{i}'))
        return [[self.patch_embed], *stages]

    def _convert(self, state_dict: Mapping[str, Any]) -> Mapping[str, Any]:
        if not self.convert_weights:
            return state_dict
        converted = {}
        for key, value in state_dict.items():
            for old, new in _RENAMED:
                key = key.replace(old, new) if '.w_msa.' not in key else key
            if '.downsample.' in key:
                # ours takes the four vectors entry by entry, and the right one before the lower
                value = value.unflatten(-1, (2, 2, -1)).transpose(-3, -2).flatten(-3, -2)
                value = value.transpose(-2, -1).flatten(-2)
            if not key.startswith(('head.', 'norm.')) and not key.endswith('attn_mask'):
                converted[key] = value
        return converted

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Images (N, in_channels, H, W) -> maps of the chosen stages, finest first."""
        x = self.drop_after_pos(self.patch_embed(x))
        outs = []
        for i, stage in enumerate(self.stages):
            if i:
                x = self.stages[i - 1].get_submodule('downsample')(x)
            x = self._run(stage.get_submodule('blocks'), x)
            if i in self.out_indices:
                outs.append(getattr(self, f'norm{i}')(x).permute(0, 3, 1, 2).contiguous())
        return tuple(outs)
