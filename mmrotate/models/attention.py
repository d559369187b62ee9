"""Blocks that let every place of a map see the others: plugins of a ResNet, and the heart of BFP."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmrotate.models.layers import ConvModule
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError


class Attention(nn.Module):
    """Base of the blocks (N, C, H, W) -> the same shape, which at first change nothing.

    ``_abbr_`` names the block in its owner, and so in checkpoints.
    """

    _abbr_: ClassVar[str]

    def init_weights(self) -> None:
        """Initialise anew."""
        raise NotImplementedError


@MODELS.register_module()
class ContextBlock(Attention):
    """Adds to every place, or multiplies it by, what a mean over the map says (Cao et al., GCNet, ICCVW 2019).

    Args:
        in_channels: Channels of the map.
        ratio: Share of them inside of the block.
        pooling_type: ``'att'``: a mean whose weights are learned, or ``'avg'``.
        fusion_types: What is done, one or both of ``'channel_add'`` and ``'channel_mul'``.
    """

    _abbr_ = 'context_block'
    channel_add_conv: nn.Sequential
    channel_mul_conv: nn.Sequential

    def __init__(
        self, in_channels: int, ratio: float, pooling_type: str = 'att', fusion_types: Sequence[str] = ('channel_add',)
    ) -> None:
        super().__init__()
        known = ('channel_add', 'channel_mul')
        if pooling_type not in ('att', 'avg') or not fusion_types or not set(fusion_types) <= set(known):
            expected = f"pooling_type must be 'att' or 'avg', and fusion_types of {known}"
            raise ArgumentError(f'{expected}, got {pooling_type!r} and {fusion_types!r}')
        self.pooling_type, self.fusion_types = pooling_type, tuple(fusion_types)
        if pooling_type == 'att':
            self.conv_mask = nn.Conv2d(in_channels, 1, 1)
        for fusion in known:
            if fusion in fusion_types:
                self.add_module(f'{fusion}_conv', self._transform(in_channels, int(in_channels * ratio)))
        self.init_weights()

    @staticmethod
    def _transform(channels: int, planes: int) -> nn.Sequential:
        inner = nn.LayerNorm([planes, 1, 1]), nn.ReLU(inplace=True)
        return nn.Sequential(nn.Conv2d(channels, planes, 1), *inner, nn.Conv2d(planes, channels, 1))

    def init_weights(self) -> None:
        """Kaiming for the weights of the mean; the last layers are 0."""
        if self.pooling_type == 'att':
            nn.init.kaiming_normal_(self.conv_mask.weight, mode='fan_in', nonlinearity='relu')
            nn.init.zeros_(self.conv_mask.bias)  # type: ignore[arg-type]
        for fusion in self.fusion_types:
            for parameter in getattr(self, f'{fusion}_conv')[-1].parameters():
                nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W) -> the same shape."""
        if self.pooling_type == 'att':
            weights = self.conv_mask(x).flatten(2).softmax(2)
            context = (x.flatten(2) @ weights.transpose(1, 2))[..., None]
        else:
            context = F.adaptive_avg_pool2d(x, 1)
        if 'channel_mul' in self.fusion_types:
            x = x * self.channel_mul_conv(context).sigmoid()
        return x + self.channel_add_conv(context) if 'channel_add' in self.fusion_types else x


@MODELS.register_module()
class NonLocal2d(Attention):
    """A mean over all places, weighed by how they go with one's own (Wang et al., CVPR 2018).

    Args:
        in_channels: Channels of the map.
        reduction: What they are divided by inside of the block.
        use_scale: Divide products by the root of the channels; for ``'embedded_gaussian'``.
        conv_cfg: Convolutions.
        norm_cfg: Normalisation of the last convolution.
        mode: ``'embedded_gaussian'``, ``'gaussian'`` or ``'dot_product'``.
        sub_sample: Compare with every second place, both ways.
    """

    _abbr_ = 'nonlocal_block'
    g: nn.Module
    phi: nn.Module

    def __init__(
        self,
        in_channels: int,
        reduction: int = 2,
        use_scale: bool = True,
        conv_cfg: dict | None = None,
        norm_cfg: dict | None = None,
        mode: str = 'embedded_gaussian',
        sub_sample: bool = False,
    ) -> None:
        super().__init__()
        modes = ('embedded_gaussian', 'gaussian', 'dot_product')
        if mode not in modes:
            raise ArgumentError(f'mode must be one of {modes}, got {mode!r}')
        self.mode, self.use_scale = mode, use_scale
        inner = max(in_channels // reduction, 1)
        names = ('g',) if mode == 'gaussian' else ('g', 'theta', 'phi')
        for name in names:
            self.add_module(name, ConvModule(in_channels, inner, 1, act_cfg=None, conv_cfg=conv_cfg))
        self.conv_out = ConvModule(inner, in_channels, 1, norm_cfg=norm_cfg, act_cfg=None, conv_cfg=conv_cfg)
        self.init_weights()
        if sub_sample:
            pool = nn.MaxPool2d(2)
            self.g = nn.Sequential(self.g, pool)
            self.phi = pool if mode == 'gaussian' else nn.Sequential(self.phi, pool)

    def init_weights(self) -> None:
        """Small numbers; the last layer is 0."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias) if module.bias is not None else None
        name = self.conv_out.norm_name
        for parameter in self.conv_out.get_submodule(name or 'conv').parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W) -> the same shape."""
        theta, phi = (getattr(self, name, nn.Identity())(x).flatten(2) for name in ('theta', 'phi'))
        likeness = theta.transpose(1, 2) @ phi
        if self.mode == 'dot_product':
            likeness = likeness / likeness.size(-1)
        else:
            scaled = self.use_scale and self.mode == 'embedded_gaussian'
            likeness = (likeness / theta.size(1) ** 0.5 if scaled else likeness).softmax(-1)
        mean = self.g(x).flatten(2) @ likeness.transpose(1, 2)
        return x + self.conv_out(mean.unflatten(2, x.shape[2:]))


@MODELS.register_module()
class GeneralizedAttention(Attention):
    """Attention by content and place (Zhu et al., An Empirical Study of Spatial Attention, ICCV 2019).

    Args:
        in_channels: Channels of the map.
        spatial_range: Places that a place sees in each direction; -1 for all.
        num_heads: Heads.
        position_embedding_dim: Width of the embedding of relative places; -1 for ``in_channels``.
        position_magnitude: Factor of relative places.
        kv_stride: Every how many places are seen.
        q_stride: Every how many places see; the others are interpolated.
        attention_type: Four digits of 0 and 1 for the terms that count: content by content, content by place,
            content alone, place alone.
    """

    _abbr_ = 'gen_attention_block'
    query_conv: nn.Module
    key_conv: nn.Module
    value_conv: nn.Module
    appr_bias: Tensor
    geom_bias: Tensor

    def __init__(
        self,
        in_channels: int,
        spatial_range: int = -1,
        num_heads: int = 9,
        position_embedding_dim: int = -1,
        position_magnitude: int = 1,
        kv_stride: int = 2,
        q_stride: int = 1,
        attention_type: str = '1111',
    ) -> None:
        super().__init__()
        if len(attention_type) != 4 or not set(attention_type) <= set('01') or '1' not in attention_type:
            raise ArgumentError(f"attention_type must be four digits of 0 and 1, e.g. '0010', got {attention_type!r}")
        self.uses = [digit == '1' for digit in attention_type]
        self.num_heads, self.spatial_range = num_heads, spatial_range
        self.kv_stride, self.q_stride = kv_stride, q_stride
        self.embedding_dim = position_embedding_dim if position_embedding_dim > 0 else in_channels
        self.position_magnitude = position_magnitude
        width = in_channels // num_heads * num_heads
        by_query, by_key = self.uses[0] or self.uses[1], self.uses[0] or self.uses[2]
        for name, there in (('query', by_query), ('key', by_key), ('value', True)):
            if there:
                self.add_module(f'{name}_conv', nn.Conv2d(in_channels, width, 1, bias=False))
        for axis in 'xy' if self.uses[1] or self.uses[3] else '':
            self.add_module(f'appr_geom_fc_{axis}', nn.Linear(self.embedding_dim // 2, width, bias=False))
        for name, there in (('appr_bias', self.uses[2]), ('geom_bias', self.uses[3])):
            if there:
                limit = (2 * (in_channels // num_heads)) ** -0.5
                self.register_parameter(name, nn.Parameter(torch.empty(width).uniform_(-limit, limit)))
        self.proj_conv = nn.Conv2d(width, in_channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))
        self.init_weights()

    def init_weights(self) -> None:
        """Uniform numbers for the layers; ``gamma``, what the block counts, is 0."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_uniform_(module.weight, a=1)
                nn.init.zeros_(module.bias) if module.bias is not None else None
        nn.init.zeros_(self.gamma)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        state_dict.pop(f'{prefix}local_constraint_map', None)  # follows from ``spatial_range``
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _heads(self, x: Tensor) -> Tensor:
        """(..., heads * d) -> (..., heads, d)."""
        return x.unflatten(-1, (self.num_heads, -1))

    def _places(self, axis: str, queries: int, keys: int, like: Tensor) -> Tensor:
        """Embeddings (queries, keys, heads, d) of how far apart places are along an axis."""
        at, of = (
            torch.arange(n, device=like.device, dtype=torch.float32) * stride
            for n, stride in ((queries, self.q_stride), (keys, self.kv_stride))
        )
        steps = torch.arange(0, self.embedding_dim / 4, device=like.device)
        phase = (at[:, None] - of)[..., None] * self.position_magnitude / 1000 ** (4 / self.embedding_dim * steps)
        embedding = torch.cat([phase.sin(), phase.cos()], -1).to(like.dtype)
        return self._heads(self.get_submodule(f'appr_geom_fc_{axis}')(embedding)) / math.sqrt(2)

    def _energy(self, seeing: Tensor, seen: Tensor) -> Tensor:
        """How much (N, heads, h, w, H, W) places (N, C, h, w) go with places (N, C, H, W)."""
        shape = (len(seeing), self.num_heads, *seeing.shape[2:], *seen.shape[2:])
        energy = seeing.new_zeros(1).expand(shape)
        query = self._heads(self.query_conv(seeing).movedim(1, -1)) if self.uses[0] or self.uses[1] else seeing
        none = seeing.new_zeros(len(seeing), *seeing.shape[2:], 1, 1)
        if self.uses[0] or self.uses[2]:
            content = query if self.uses[0] else none
            content = content + self._heads(self.appr_bias) if self.uses[2] else content
            key = self._heads(self.key_conv(seen).movedim(1, -1))
            energy = energy + torch.einsum('nyxhd,nYXhd->nhyxYX', content, key)
        if self.uses[1] or self.uses[3]:
            content = query if self.uses[1] else none
            content = content + self._heads(self.geom_bias) if self.uses[3] else content
            down, right = (self._places('yx'[i], shape[2 + i], shape[4 + i], seeing) for i in (0, 1))
            energy = energy + torch.einsum('nyxhd,yYhd->nhyxY', content, down)[..., None]
            energy = energy + torch.einsum('nyxhd,xXhd->nhyxX', content, right)[..., None, :]
        return energy

    def _out_of_range(self, queries: int, keys: int, device: torch.device) -> Tensor:
        """Whether a key (queries, keys) along an axis is too far away."""
        at, of = torch.arange(queries, device=device)[:, None], torch.arange(keys, device=device)
        first = (at - self.spatial_range).div(self.kv_stride, rounding_mode='floor')
        last = (at + self.spatial_range + 1).div(self.kv_stride, rounding_mode='floor')
        return (of < first) | (of > last)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W) -> the same shape."""
        seeing, seen = x[..., :: self.q_stride, :: self.q_stride], x[..., :: self.kv_stride, :: self.kv_stride]
        energy = self._energy(seeing, seen)
        if self.spatial_range >= 0:
            far = [self._out_of_range(a, b, x.device) for a, b in zip(energy.shape[2:4], energy.shape[4:], strict=True)]
            energy = energy.masked_fill(far[0][:, None, :, None] | far[1][:, None, :], -torch.inf)
        weights = energy.flatten(4).softmax(4)
        value = self._heads(self.value_conv(seen).movedim(1, -1)).flatten(1, 2)
        out = self.proj_conv(torch.einsum('nhyxk,nkhd->nhdyx', weights, value).flatten(1, 2))
        if self.q_stride > 1:
            out = F.interpolate(out, size=x.shape[2:], mode='bilinear', align_corners=False)
        return self.gamma * out + x
