"""Feature pyramids of cross-stage partial layers: top-down, then bottom-up, each level as wide as the backbone's."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmrotate.models.base_module import BaseModule
from mmrotate.models.csp import CSP_INIT, CSPLayer, RepLayer, any_conv
from mmrotate.models.layers import ConvModule
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError


@MODELS.register_module()
class YOLOXPAFPN(BaseModule):
    """The neck of YOLOX (Ge et al., 2021).

    Args:
        in_channels: Channels of each map of the backbone; any.
        out_channels: Channels of every level.
        num_csp_blocks: Blocks of each layer.
        use_depthwise: Depthwise convolutions and such of 1x1 in place of those of 3x3.
        upsample_cfg: Arguments of ``torch.nn.functional.interpolate``; the size is that of the finer map.
        conv_cfg: Convolutions.
        norm_cfg: Normalisation.
        act_cfg: Activation.
        init_cfg: Initialisation; default Kaiming, uniform.
    """

    # the layers, and more arguments of theirs
    layer_type: type[nn.Module] = CSPLayer
    layer_settings: dict[str, Any] = {}

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int,
        num_csp_blocks: int = 3,
        use_depthwise: bool = False,
        upsample_cfg: dict = dict(mode='nearest'),  # noqa: B006
        conv_cfg: dict | None = None,
        norm_cfg: dict = dict(type='BN', momentum=0.03, eps=0.001),  # noqa: B006
        act_cfg: dict = dict(type='Swish'),  # noqa: B006
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg or CSP_INIT)
        self.in_channels, self.out_channels = list(in_channels), out_channels
        self.upsample_cfg = {key: value for key, value in upsample_cfg.items() if key != 'scale_factor'}
        block: dict[str, Any] = dict(conv_cfg=conv_cfg, norm_cfg=norm_cfg, act_cfg=act_cfg)

        def layer(channels: int, out: int) -> nn.Module:
            return self.layer_type(
                2 * channels, out, num_csp_blocks, False, use_depthwise, **self.layer_settings, **block
            )

        up = list(pairwise(in_channels))
        down = up[::-1]  # from the coarsest map on
        self.reduce_layers = nn.ModuleList(ConvModule(coarse, fine, 1, **block) for fine, coarse in down)
        self.top_down_blocks = nn.ModuleList(layer(fine, fine) for fine, _ in down)
        convs = (any_conv(use_depthwise, fine, fine, 3, stride=2, padding=1, **block) for fine, _ in up)
        self.downsamples = nn.ModuleList(convs)
        self.bottom_up_blocks = nn.ModuleList(layer(fine, coarse) for fine, coarse in up)
        self.out_convs = nn.ModuleList(self._out_conv(width, use_depthwise, block) for width in in_channels)

    def _out_conv(self, channels: int, use_depthwise: bool, block: dict) -> nn.Module:
        """From a map of the backbone's width to a level."""
        return ConvModule(channels, self.out_channels, 1, **block)

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Maps of the backbone -> as many levels (N, out_channels, H, W), finest first."""
        if len(inputs) != len(self.in_channels):
            raise ArgumentError(f'the neck needs {len(self.in_channels)} maps, got {len(inputs)}')
        x, laterals = inputs[-1], []
        for fine, reduce, merge in zip(inputs[-2::-1], self.reduce_layers, self.top_down_blocks, strict=True):
            x = reduce(x)
            laterals.append(x)
            x = merge(torch.cat([F.interpolate(x, fine.shape[2:], **self.upsample_cfg), fine], 1))
        outs = [x]
        for coarse, shrink, merge in zip(laterals[::-1], self.downsamples, self.bottom_up_blocks, strict=True):
            outs.append(merge(torch.cat([shrink(outs[-1]), coarse], 1)))
        return tuple(conv(x) for conv, x in zip(self.out_convs, outs, strict=True))


@MODELS.register_module()
class CSPNeXtPAFPN(YOLOXPAFPN):
    """The neck of RTMDet (Lyu et al., 2022): layers as of :class:`CSPNeXt`.

    Arguments as of :class:`YOLOXPAFPN`, and ``expand_ratio``: channels of each part of a layer.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int,
        num_csp_blocks: int = 3,
        use_depthwise: bool = False,
        expand_ratio: float = 0.5,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        self.layer_settings = dict(expand_ratio=expand_ratio, wide=True)
        super().__init__(in_channels, out_channels, num_csp_blocks, use_depthwise, *args, **kwargs)

    def _out_conv(self, channels: int, use_depthwise: bool, block: dict) -> nn.Module:
        return any_conv(use_depthwise, channels, self.out_channels, 3, padding=1, **block)


@MODELS.register_module()
class RTDETRFPN(YOLOXPAFPN):
    """The pyramid of RT-DETR (Zhao et al., CVPR 2024): layers as of :class:`RepLayer`.

    Arguments as of :class:`YOLOXPAFPN`, and ``expansion``: channels of each part of a layer.
    """

    layer_type = RepLayer

    def __init__(
        self,
        in_channels: Sequence[int] = (256, 256, 256),
        out_channels: int = 256,
        num_csp_blocks: int = 3,
        expansion: float = 1.0,
        norm_cfg: dict = dict(type='BN', requires_grad=True),  # noqa: B006
        act_cfg: dict = dict(type='SiLU'),  # noqa: B006
        **kwargs: Any,
    ) -> None:
        self.layer_settings = dict(expand_ratio=expansion)
        super().__init__(in_channels, out_channels, num_csp_blocks, norm_cfg=norm_cfg, act_cfg=act_cfg, **kwargs)

    def _out_conv(self, channels: int, use_depthwise: bool, block: dict) -> nn.Module:
        return ConvModule(channels, self.out_channels, 1, **{**block, 'act_cfg': None})
