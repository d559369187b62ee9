"""Residual blocks and stages, with the keys of torchvision and MMDetection."""

import re
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from mmrotate.models.layers import build_conv, build_norm
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

_BN = dict(type='BN')


class ResBlock(nn.Module):
    """Convolutions, each with a norm and all but the last with a ReLU, and a shortcut around them.

    Args:
        inplanes: Channels of the input.
        planes: Channels of the inner convolutions; the output has ``planes * expansion``.
        stride: Stride of the block.
        dilation: Of its first convolution of 3x3.
        downsample: The shortcut; None for the input itself.
        style: See :class:`ResNet`.
        conv_cfg: Convolutions.
        norm_cfg: Normalisation.
        dcn: Deformable convolution in place of that of 3x3.
        plugins: ``dict(cfg=..., position='after_conv2')`` each, see :class:`ResNet`.
        **kwargs: Of the kind of block.
    """

    expansion = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        dilation: int = 1,
        downsample: nn.Module | None = None,
        style: str = 'pytorch',
        conv_cfg: dict | None = None,
        norm_cfg: dict = _BN,
        dcn: dict | None = None,
        plugins: Sequence[dict] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self.conv_cfg, self.norm_cfg, self.dcn = conv_cfg, norm_cfg, dcn
        self.inplanes, self.planes, self.stride, self.dilation, self.style = inplanes, planes, stride, dilation, style
        self.norm_names: list[str] = []
        self._make_convs(**kwargs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.plugin_names: list[list[str]] = [[] for _ in self.norm_names]
        for plugin in plugins or ():
            self._add_plugin(dict(plugin['cfg']), plugin['position'])

    def _make_convs(self) -> None:
        raise NotImplementedError

    def _add(self, channels: int, planes: int, size: int, stride: int = 1, groups: int = 1, **kwargs: int) -> None:
        """The next convolution and its norm; only the first two spread, by ``dilation``."""
        place = len(self.norm_names) + 1
        conv_cfg, deform = self.conv_cfg, dict(self.dcn or {})
        fallback = deform.pop('fallback_on_stride', False)
        if deform and size > 1 and not (fallback and stride > 1):
            conv_cfg = deform
            if self.conv_cfg is not None:
                raise ArgumentError(f'conv_cfg={self.conv_cfg} and dcn={self.dcn} do not go together: leave one out')
        dilation = kwargs.get('dilation', 1)
        settings: dict[str, Any] = dict(stride=stride, padding=size // 2 * dilation, dilation=dilation, groups=groups)
        self.add_module(f'conv{place}', build_conv(conv_cfg, channels, planes, size, bias=False, **settings))
        name, norm = build_norm(self.norm_cfg, planes)
        self.norm_names.append(f'{name}{place}')
        self.add_module(self.norm_names[-1], norm)

    def _add_plugin(self, cfg: dict, position: str) -> None:
        places = {f'after_conv{i + 1}': i for i in range(len(self.norm_names))}
        if position not in places:
            raise ArgumentError(f'position of a plugin must be one of {list(places)}, got {position!r}')
        postfix = cfg.pop('postfix', '')
        conv = self.get_submodule(f'conv{places[position] + 1}')
        plugin = MODELS.build(dict(cfg, in_channels=conv.out_channels))
        name = f'{getattr(plugin, "_abbr_", _snake_case(type(plugin).__name__))}{postfix}'
        if hasattr(self, name):
            raise ArgumentError(f'two plugins are called {name}: give them a postfix each')
        self.add_module(name, plugin)
        self.plugin_names[places[position]].append(name)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        for name in ('weight', 'bias'):  # the oldest checkpoints have the offsets beside their convolution
            value = state_dict.pop(f'{prefix}conv2_offset.{name}', None)
            if value is not None:
                state_dict[f'{prefix}conv2.conv_offset.{name}'] = value
        super()._load_from_state_dict(state_dict, prefix, *args)

    @property
    def last_norm(self) -> nn.Module:
        """The normalisation before the sum."""
        return self.get_submodule(self.norm_names[-1])

    def forward(self, x: Tensor) -> Tensor:
        """(N, inplanes, H, W) -> (N, planes * expansion, H', W')."""
        out = x
        last = len(self.norm_names) - 1
        for i, (norm, plugins) in enumerate(zip(self.norm_names, self.plugin_names, strict=True)):
            out = getattr(self, norm)(getattr(self, f'conv{i + 1}')(out))
            out = out if i == last else self.relu(out)
            for name in plugins:
                out = getattr(self, name)(out)
        shortcut = x if self.downsample is None else self.downsample(x)
        # a norm does not need its result again, a plugin may
        return self.relu(out + shortcut if self.plugin_names[-1] else out.add_(shortcut))


def _snake_case(name: str) -> str:
    """``my_plugin`` of ``MyPlugin``."""
    return re.sub(r'(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])', '_', name).lower()


class BasicBlock(ResBlock):
    """Two convolutions of 3x3; it has neither ``dcn`` nor ``plugins``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        for key in ('dcn', 'plugins'):
            if kwargs.get(key):
                raise ArgumentError(f'{key} goes with depth 50 or more, whose blocks have three convolutions')
        super().__init__(*args, **kwargs)

    def _make_convs(self, **kwargs: int) -> None:
        self._add(self.inplanes, self.planes, 3, self.stride, dilation=self.dilation)
        self._add(self.planes, self.planes, 3)


class Bottleneck(ResBlock):
    """Convolutions of 1x1, 3x3 and 1x1, the outer of four times the width.

    Args, beside those of the base:
        groups: Groups of the convolution of 3x3.
        width: Its channels; None for ``planes``.
    """

    expansion = 4

    def _make_convs(self, groups: int = 1, width: int | None = None) -> None:
        width = width or self.planes
        strides = (self.stride, 1) if self.style == 'caffe' else (1, self.stride)
        self._add(self.inplanes, width, 1, strides[0])
        self._add(width, width, 3, strides[1], groups, dilation=self.dilation)
        self._add(width, self.planes * self.expansion, 1)


class ResLayer(nn.Sequential):
    """A stage: residual blocks, of which the first takes the stride and, where needed, a projection.

    Args:
        block: Class of the blocks.
        inplanes: Channels of the input.
        planes: See :class:`ResBlock`.
        num_blocks: Blocks.
        stride: Stride of the stage.
        avg_down: The projection averages, and does so under a stride of 1 too, over single pixels.
        project_first: The first block has a projection even where none is needed.
        conv_cfg: Convolutions.
        norm_cfg: Normalisation.
        **kwargs: Further arguments of the blocks.
    """

    def __init__(
        self,
        block: type[ResBlock],
        inplanes: int,
        planes: int,
        num_blocks: int,
        stride: int = 1,
        avg_down: bool = False,
        conv_cfg: dict | None = None,
        norm_cfg: dict = _BN,
        project_first: bool = False,
        **kwargs: Any,
    ) -> None:
        out = planes * block.expansion
        shortcut = None
        changes = stride != 1 or inplanes != out
        if changes or project_first:
            pool = nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False)
            pools = [pool] if avg_down and changes else []
            conv = build_conv(conv_cfg, inplanes, out, 1, stride=1 if avg_down else stride, bias=False)
            shortcut = nn.Sequential(*pools, conv, build_norm(norm_cfg, out)[1])
        kwargs |= dict(conv_cfg=conv_cfg, norm_cfg=norm_cfg)
        blocks = [block(inplanes, planes, stride=stride, downsample=shortcut, **kwargs)]
        super().__init__(*blocks, *(block(out, planes, **kwargs) for _ in range(num_blocks - 1)))
