"""Darknet of YOLOv3, CSPDarknet of YOLOX and CSPNeXt of RTMDet, with the keys of MMDetection."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmrotate.models.csp import CSP_INIT, CSPLayer, SPPBottleneck, any_conv
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


class Focus(nn.Module):
    """Every second pixel both ways as a map of its own, and a convolution."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, **block: Any) -> None:
        super().__init__()
        self.conv = ConvModule(4 * in_channels, out_channels, kernel_size, padding=kernel_size // 2, **block)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) of even sides -> (N, out_channels, H / 2, W / 2)."""
        return self.conv(torch.cat([x[..., i::2, j::2] for j in (0, 1) for i in (0, 1)], 1))


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
    # arguments of the CSPLayers
    layer_settings: dict[str, Any] = {}

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
        super().__init__(init_cfg or CSP_INIT, frozen_stages=frozen_stages, **kwargs)
        if arch not in self.arch_settings and not arch_ovewrite:
            raise ArgumentError(f'arch={arch!r}: a {type(self).__name__} is one of {list(self.arch_settings)}')
        settings = arch_ovewrite or self.arch_settings[arch]
        self.out_indices = self._chosen(out_indices, len(settings) + 1)
        block: dict[str, Any] = dict(conv_cfg=conv_cfg, norm_cfg=norm_cfg, act_cfg=act_cfg)
        self.stem = self._make_stem(int(settings[0][0] * widen_factor), **block)
        for i, (before, channels, count, add_identity, use_spp) in enumerate(settings):
            width = int(channels * widen_factor)
            parts = [any_conv(use_depthwise, int(before * widen_factor), width, 3, stride=2, padding=1, **block)]
            parts += [SPPBottleneck(width, spp_kernal_sizes, **block)] if use_spp else []
            blocks = max(round(count * deepen_factor), 1)
            layer = CSPLayer(width, width, blocks, add_identity, use_depthwise, **self.layer_settings, **block)
            self.add_module(f'stage{i + 1}', nn.Sequential(*parts, layer))
        self._freeze()

    def _make_stem(self, channels: int, **block: Any) -> nn.Module:
        """What comes before the stages: images (N, 3, H, W) -> (N, channels, H / 2, W / 2)."""
        return Focus(3, channels, 3, **block)

    def _stages(self) -> list[Any]:
        return [[self.stem], *(m for name, m in self.named_children() if name.startswith('stage'))]

    def _parts(self) -> list[list[nn.Module]]:
        return list(map(list, self._stages()))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Images (N, 3, H, W) of even sides -> maps of the chosen stages, finest first."""
        return self._through(self._stages(), x)


@MODELS.register_module()
class CSPNeXt(CSPDarknet):
    """CSPNeXt of RTMDet (Lyu et al., 2022): large depthwise kernels, and channels that are weighed.

    Args:
        arch: ``'P5'`` or ``'P6'``.
        deepen_factor: See :class:`CSPDarknet`, as all that is not below.
        expand_ratio: Channels of each part of a stage.
        channel_attention: Weigh the channels of the parts.
        spp_kernel_sizes: As ``spp_kernal_sizes`` there.
    """

    arch_settings = {
        kind: [[before, width, min(count, 6), *rest] for before, width, count, *rest in stages]
        for kind, stages in CSPDarknet.arch_settings.items()
    }

    def __init__(
        self,
        arch: str = 'P5',
        deepen_factor: float = 1.0,
        widen_factor: float = 1.0,
        out_indices: Sequence[int] = (2, 3, 4),
        frozen_stages: int = -1,
        use_depthwise: bool = False,
        expand_ratio: float = 0.5,
        arch_ovewrite: list | None = None,
        spp_kernel_sizes: Sequence[int] = (5, 9, 13),
        channel_attention: bool = True,
        **kwargs: Any,
    ) -> None:
        self.layer_settings = dict(expand_ratio=expand_ratio, channel_attention=channel_attention, wide=True)
        sizes = (deepen_factor, widen_factor, out_indices, frozen_stages, use_depthwise)
        super().__init__(arch, *sizes, arch_ovewrite, spp_kernel_sizes, **kwargs)

    def _make_stem(self, channels: int, **block: Any) -> nn.Module:
        half = channels // 2
        widths = [(3, half, 2), (half, half, 1), (half, channels, 1)]
        return nn.Sequential(*(ConvModule(before, after, 3, stride, 1, **block) for before, after, stride in widths))
