"""Necks that do not build a pyramid anew: maps of one width, and balanced levels."""

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from mmrotate.models.attention import NonLocal2d
from mmrotate.models.base_module import BaseModule
from mmrotate.models.layers import ConvModule
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

_XAVIER = dict(type='Xavier', layer='Conv2d', distribution='uniform')


@MODELS.register_module()
class ChannelMapper(BaseModule):
    """A convolution for each map of the backbone, and further ones of stride 2 on the last.

    Args:
        in_channels: Channels of each map.
        out_channels: Channels of every level.
        kernel_size: Of the convolutions of the backbone's maps.
        conv_cfg: Convolutions.
        norm_cfg: Normalisation; None for none, as of ``act_cfg``.
        act_cfg: Activation.
        bias: See :class:`ConvModule`.
        num_outs: Levels; None for those of the backbone.
        init_cfg: Initialisation; default Xavier.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int,
        kernel_size: int = 3,
        conv_cfg: dict | None = None,
        norm_cfg: dict | None = None,
        act_cfg: dict | None = dict(type='ReLU'),  # noqa: B006
        bias: bool | Literal['auto'] = 'auto',
        num_outs: int | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg or _XAVIER)
        self.num_outs = num_outs or len(in_channels)
        extra = self.num_outs - len(in_channels)
        if extra < 0:
            raise ArgumentError(f'num_outs={num_outs} must be at least the {len(in_channels)} maps')
        block: dict = dict(conv_cfg=conv_cfg, norm_cfg=norm_cfg, act_cfg=act_cfg, bias=bias)
        sizes: dict = dict(kernel_size=kernel_size, padding=(kernel_size - 1) // 2)
        self.convs = nn.ModuleList(ConvModule(width, out_channels, **sizes, **block) for width in in_channels)
        widths = [in_channels[-1], *[out_channels] * extra]
        self.extra_convs = None
        if extra:
            convs = (ConvModule(width, out_channels, 3, 2, 1, **block) for width in widths[:extra])
            self.extra_convs = nn.ModuleList(convs)

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Maps of the backbone -> maps (N, out_channels, H, W), finest first."""
        outs = [conv(x) for conv, x in zip(self.convs, inputs, strict=True)]
        x = inputs[-1]
        for conv in self.extra_convs or ():
            x = conv(x)
            outs.append(x)
        return tuple(outs)


@MODELS.register_module()
class BFP(BaseModule):
    """Adds to every level the mean of all of them, refined (Pang et al., Libra R-CNN, CVPR 2019).

    Args:
        in_channels: Channels of every level.
        num_levels: Levels.
        refine_level: The level in whose size the mean is made.
        refine_type: None, ``'conv'`` or ``'non_local'``.
        conv_cfg: Convolutions.
        norm_cfg: Normalisation of the refinement.
        init_cfg: Initialisation; default Xavier.
    """

    def __init__(
        self,
        in_channels: int,
        num_levels: int,
        refine_level: int = 2,
        refine_type: str | None = None,
        conv_cfg: dict | None = None,
        norm_cfg: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg or _XAVIER)
        if refine_type not in (None, 'conv', 'non_local') or not 0 <= refine_level < num_levels:
            expected = f"refine_type must be None, 'conv' or 'non_local', and refine_level below {num_levels}"
            raise ArgumentError(f'{expected}, got {refine_type!r} and {refine_level}')
        self.num_levels, self.refine_level = num_levels, refine_level
        self.refine: nn.Module = nn.Identity()
        if refine_type == 'conv':
            self.refine = ConvModule(in_channels, in_channels, 3, padding=1, conv_cfg=conv_cfg, norm_cfg=norm_cfg)
        elif refine_type == 'non_local':
            self.refine = NonLocal2d(in_channels, reduction=1, use_scale=False, conv_cfg=conv_cfg, norm_cfg=norm_cfg)

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Levels (N, in_channels, H, W), finest first -> the same shapes."""
        if len(inputs) != self.num_levels:
            raise ArgumentError(f'BFP needs {self.num_levels} levels, got {len(inputs)}')
        size = inputs[self.refine_level].shape[2:]
        levels = [_resized(x, size, shrink=i < self.refine_level) for i, x in enumerate(inputs)]
        mean = self.refine(sum(levels) / len(levels))
        grown = (_resized(mean, x.shape[2:], shrink=i >= self.refine_level) for i, x in enumerate(inputs))
        return tuple(x + more for x, more in zip(inputs, grown, strict=True))


def _resized(x: Tensor, size: Sequence[int], shrink: bool) -> Tensor:
    """Maps of another size, the largest of the pixels that become one, or each pixel several times."""
    return F.adaptive_max_pool2d(x, tuple(size)) if shrink else F.interpolate(x, size=tuple(size), mode='nearest')
