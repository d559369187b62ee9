"""MobileNetV2 and EfficientNet, with the keys of MMDetection."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn

from mmrotate.models.layers import ConvModule, DropPath
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

from .base import KAIMING_INIT, Backbone


def make_divisible(value: float, divisor: int, min_value: int | None = None, min_ratio: float = 0.9) -> int:
    """The multiple of ``divisor`` nearest to ``value``, at least ``min_value`` and ``min_ratio`` of ``value``."""
    nearest = max(min_value or divisor, int(value + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < min_ratio * value else nearest


class SELayer(nn.Module):
    """A factor for each channel from the means of all (Hu et al., CVPR 2018)."""

    def __init__(self, channels: int, ratio: int, act_cfg: dict) -> None:
        super().__init__()
        self.conv1 = ConvModule(channels, channels // ratio, 1, act_cfg=act_cfg)
        self.conv2 = ConvModule(channels // ratio, channels, 1, act_cfg=dict(type='Sigmoid'))

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same shape."""
        return x * self.conv2(self.conv1(x.mean((2, 3), keepdim=True)))


class _Residual(nn.Module):
    """Layers (N, C, H, W) -> (N, C', H', W') with a shortcut where that fits."""

    def __init__(self, shortcut: bool, drop_path: float) -> None:
        super().__init__()
        self.shortcut, self.drop_path = shortcut, DropPath(drop_path)

    def inner(self, x: Tensor) -> Tensor:
        """What the layers make of the input."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', H', W')."""
        return x + self.drop_path(self.inner(x)) if self.shortcut else self.inner(x)


class InvertedResidual(_Residual):
    """A wide depthwise convolution between two of 1x1 (Sandler et al., CVPR 2018).

    Args:
        channels: Channels of the input.
        out_channels: Channels of the output.
        mid_channels: Channels between; with as many as ``channels`` the first convolution is left out.
        kernel_size: Of the depthwise convolution.
        stride: Likewise.
        se_ratio: Divisor of the channels inside of a :class:`SELayer`; 0 for none.
        drop_path: Share of images that take the shortcut alone in training.
        **block: Configs of the convolutions.
    """

    def __init__(
        self,
        channels: int,
        out_channels: int,
        mid_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        se_ratio: int = 0,
        drop_path: float = 0.0,
        **block: Any,
    ) -> None:
        super().__init__(stride == 1 and channels == out_channels, drop_path)
        self.expand_conv = ConvModule(channels, mid_channels, 1, **block) if mid_channels != channels else None
        padding = kernel_size // 2
        self.depthwise_conv = ConvModule(
            mid_channels, mid_channels, kernel_size, stride, padding, groups=mid_channels, **block
        )
        self.se = SELayer(mid_channels, se_ratio, block['act_cfg']) if se_ratio else None
        self.linear_conv = ConvModule(mid_channels, out_channels, 1, **dict(block, act_cfg=None))

    def inner(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, out_channels, H', W')."""
        out = x if self.expand_conv is None else self.expand_conv(x)
        out = self.depthwise_conv(out)
        return self.linear_conv(out if self.se is None else self.se(out))


class EdgeResidual(_Residual):
    """A plain convolution and one of 1x1, as EfficientNet-EdgeTPU has them.

    Args as of :class:`InvertedResidual`, and ``with_residual``: it has a shortcut where that fits.
    """

    def __init__(
        self,
        channels: int,
        out_channels: int,
        mid_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        drop_path: float = 0.0,
        with_residual: bool = True,
        **block: Any,
    ) -> None:
        super().__init__(with_residual and stride == 1 and channels == out_channels, drop_path)
        self.conv1 = ConvModule(channels, mid_channels, kernel_size, 1, kernel_size // 2, **block)
        self.conv2 = ConvModule(mid_channels, out_channels, 1, stride, **dict(block, act_cfg=None))

    def inner(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, out_channels, H', W')."""
        return self.conv2(self.conv1(x))


@MODELS.register_module()
class MobileNetV2(Backbone):
    """MobileNetV2 (Sandler et al., CVPR 2018) as a pyramid of feature maps.

    Args:
        widen_factor: Factor of all channels.
        out_indices: Stages whose maps are returned, of 0 to 7; those by default have strides of 4, 8, 16 and 32.
        frozen_stages: See :class:`Backbone`.
        conv_cfg: Convolutions.
        norm_cfg: Normalisation.
        act_cfg: Activation.
        init_cfg: Initialisation; default Kaiming.
        **kwargs: See :class:`Backbone`.
    """

    # factor of the inner channels, channels, blocks and stride of each stage
    arch_settings = (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    )

    def __init__(
        self,
        widen_factor: float = 1.0,
        out_indices: Sequence[int] = (1, 2, 4, 7),
        frozen_stages: int = -1,
        conv_cfg: dict | None = None,
        norm_cfg: dict = dict(type='BN'),  # noqa: B006
        act_cfg: dict = dict(type='ReLU6'),  # noqa: B006
        init_cfg: dict | list | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(init_cfg or KAIMING_INIT, frozen_stages=frozen_stages, **kwargs)
        self.out_indices = self._chosen(out_indices, len(self.arch_settings) + 1)
        self.block: dict[str, Any] = dict(conv_cfg=conv_cfg, norm_cfg=norm_cfg, act_cfg=act_cfg)
        self.in_channels = make_divisible(32 * widen_factor, 8)
        self.conv1 = ConvModule(3, self.in_channels, 3, 2, 1, **self.block)
        for i, (ratio, channels, count, stride) in enumerate(self.arch_settings):
            layer = self.make_layer(make_divisible(channels * widen_factor, 8), count, stride, ratio)
            self.add_module(f'layer{i + 1}', layer)
        self.conv2 = ConvModule(self.in_channels, int(1280 * max(widen_factor, 1.0)), 1, **self.block)
        self._freeze()

    def make_layer(self, out_channels: int, num_blocks: int, stride: int, expand_ratio: int) -> nn.Sequential:
        """A stage, whose first block has the stride."""
        blocks = []
        for i in range(num_blocks):
            mid = self.in_channels * expand_ratio
            blocks.append(
                InvertedResidual(self.in_channels, out_channels, mid, stride=1 if i else stride, **self.block)
            )
            self.in_channels = out_channels
        return nn.Sequential(*blocks)

    def _stages(self) -> list[Any]:
        return [*(getattr(self, f'layer{i + 1}') for i in range(len(self.arch_settings))), [self.conv2]]

    def _parts(self) -> list[list[nn.Module]]:
        return [[self.conv1], *map(list, self._stages())]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Images (N, 3, H, W) -> maps of the chosen stages, finest first."""
        return self._through(self._stages(), self.conv1(x))


# kernel, channels, blocks, stride and factor of the inner channels of groups of blocks
_GROUPS = {
    'b': (
        (3, 16, 1, 1, 1),
        (3, 24, 2, 2, 6),
        (5, 40, 2, 2, 6),
        (3, 80, 3, 2, 6),
        (5, 112, 3, 1, 6),
        (5, 192, 4, 2, 6),
        (3, 320, 1, 1, 6),
    ),
    'e': ((3, 24, 1, 1, 3), (3, 32, 2, 2, 8), (3, 48, 4, 2, 8), (5, 96, 5, 2, 8), (5, 144, 4, 1, 8), (5, 192, 2, 2, 8)),
}
_GROUPS['l'] = _GROUPS['b']
_SCALES = {
    'b0': (1.0, 1.0),
    'b1': (1.0, 1.1),
    'b2': (1.1, 1.2),
    'b3': (1.2, 1.4),
    'b4': (1.4, 1.8),
    'b5': (1.6, 2.2),
    'b6': (1.8, 2.6),
    'b7': (2.0, 3.1),
    'b8': (2.2, 3.6),
    'es': (1.0, 1.0),
    'em': (1.0, 1.1),
    'el': (1.2, 1.4),
    'lite0': (1.0, 1.0),
    'lite1': (1.0, 1.1),
    'lite2': (1.1, 1.2),
    'lite3': (1.2, 1.4),
    'lite4': (1.4, 1.8),
}


@MODELS.register_module()
class EfficientNet(Backbone):
    """EfficientNet (Tan and Le, ICML 2019) as a pyramid of feature maps.

    Args:
        arch: ``'b0'`` to ``'b8'``, of EdgeTPU ``'es'``, ``'em'``, ``'el'``, or ``'lite0'`` to ``'lite4'``.
        drop_path_rate: Share of images that skip the last block in training; less in earlier ones.
        out_indices: Stages whose maps are returned, of 0 to 6; 2, 3, 4 and 5 have strides of 4, 8, 16 and 32. What
            comes after the last is left out.
        frozen_stages: Stages that get no gradient, counted from the stem: 0 freezes nothing.
        conv_cfg: Convolutions.
        norm_cfg: Normalisation.
        act_cfg: Activation.
        init_cfg: Initialisation; default Kaiming.
        widen_factor: Factor of all channels.
        **kwargs: See :class:`Backbone`.
    """

    def __init__(
        self,
        arch: str = 'b0',
        drop_path_rate: float = 0.0,
        out_indices: Sequence[int] = (6,),
        frozen_stages: int = 0,
        conv_cfg: dict | None = dict(type='Conv2dAdaptivePadding'),  # noqa: B006
        norm_cfg: dict = dict(type='BN', eps=1e-3),  # noqa: B006
        act_cfg: dict = dict(type='Swish'),  # noqa: B006
        init_cfg: dict | list | None = None,
        *,
        widen_factor: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(init_cfg or KAIMING_INIT, frozen_stages=frozen_stages, **kwargs)
        if arch not in _SCALES:
            raise ArgumentError(f'arch={arch!r}: an EfficientNet is one of {list(_SCALES)}')
        self.out_indices = self._chosen(out_indices, 7)
        block: dict[str, Any] = dict(conv_cfg=conv_cfg, norm_cfg=norm_cfg, act_cfg=act_cfg)
        stages = _block_settings(arch, widen_factor)
        # the convolutions before and after the stages of a lite one are as wide in all of them
        width = widen_factor * (1 if arch[0] == 'l' else _SCALES[arch][0])
        rates = iter(np.linspace(0, drop_path_rate, sum(map(len, stages))).tolist())
        channels, last = make_divisible(32 * width, 8), max(self.out_indices)
        self.layers = nn.ModuleList([ConvModule(3, channels, 3, 2, 1, **block)])
        for stage in stages[:last]:
            blocks: list[nn.Module] = []
            for kind, out_channels, ratio, settings in stage:
                mid = channels * ratio
                blocks.append(kind(channels, out_channels, mid, drop_path=next(rates), **settings, **block))
                channels = out_channels
            self.layers.append(nn.Sequential(*blocks))
        if last == len(stages) + 1:
            self.layers.append(ConvModule(channels, make_divisible(1280 * width, 8), 1, **block))
        self._freeze()

    def _parts(self) -> list[list[nn.Module]]:
        return [[], *([layer] for layer in self.layers)]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Images (N, 3, H, W) -> maps of the chosen stages, finest first."""
        stages = [layer if isinstance(layer, nn.Sequential) else [layer] for layer in self.layers]
        return self._through(stages, x)


@MODELS.register_module()
class EfficientNetLite(EfficientNet):
    """EfficientNet-Lite (Liu, 2020): without factors of the channels and with ReLU6, which small devices are fast at.

    By default its maps have strides of 8, 16 and 32 and, of ``'lite0'``, 40, 112 and 320 channels. Weights of
    ImageNet are made by ``tools/model_converters/efficientnet_lite.py``. Arguments as of :class:`EfficientNet`.
    """

    def __init__(
        self,
        arch: str = 'lite0',
        drop_path_rate: float = 0.0,
        out_indices: Sequence[int] = (3, 4, 5),
        *,
        act_cfg: dict = dict(type='ReLU6'),  # noqa: B006
        **kwargs: Any,
    ) -> None:
        super().__init__(arch, drop_path_rate, out_indices, act_cfg=act_cfg, **kwargs)


def _block_settings(arch: str, widen_factor: float) -> list[list[tuple[Any, int, int, dict]]]:
    """Of the blocks of each stage their class, channels, factor of inner channels and further arguments."""
    width, depth = _SCALES[arch]
    family, groups = arch[0], _GROUPS[arch[0]]
    stages: list[list] = []
    for group, (kernel, channels, count, stride, ratio) in enumerate(groups):
        if stride == 2 or not stages:
            stages.append([])
        # of a lite one the first and the last group are as deep in all of them
        fixed = family == 'l' and group in (0, len(groups) - 1)
        for i in range(count if fixed else math.ceil(depth * count)):
            settings: dict[str, Any] = dict(kernel_size=kernel, stride=1 if i else stride)
            kind: type[nn.Module] = EdgeResidual if family == 'e' and channels < 96 else InvertedResidual
            inner = ratio
            if family == 'b':
                settings['se_ratio'] = 4 * ratio
            elif family == 'e' and i and ratio == 3:  # as the published models of EdgeTPU are
                inner, settings['with_residual'] = 4, False
            stages[-1].append((kind, make_divisible(channels * width * widen_factor, 8), inner, settings))
    return stages
