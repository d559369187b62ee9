"""ResNet with the blocks, and so the checkpoint keys, of torchvision."""

import itertools
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from mmrotate.models.equivariant import make_equivariant
from mmrotate.models.layers import build_norm, require_plain_convs
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

from .base import Backbone

_Block = type[BasicBlock] | type[Bottleneck]
# depth -> block, blocks per stage
_ARCHITECTURES: dict[int, tuple[_Block, tuple[int, ...]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}
_DEFAULT_INIT = [dict(type='Kaiming', layer='Conv2d'), dict(type='Constant', val=1, layer=['_BatchNorm', 'GroupNorm'])]


@MODELS.register_module()
class ResNet(Backbone):
    """ResNet (He et al., CVPR 2016) as a pyramid of feature maps.

    Args:
        depth: 18, 34, 50, 101 or 152.
        in_channels: Channels of the image.
        stem_channels: Channels of the stem; by default ``base_channels``.
        base_channels: Channels of the first stage (64 in the paper).
        num_stages: Stages that are built, 1 to 4.
        strides: Stride of each stage.
        dilations: Dilation of the 3x3 convolution of each stage's blocks, the first of two.
        out_indices: Stages whose maps are returned; strides are 4, 8, 16, 32.
        style: Where a bottleneck halves the map: ``'pytorch'`` in its 3x3, ``'caffe'`` in its first 1x1 convolution.
        deep_stem: Three convolutions of 3x3 in place of one of 7x7 (He et al., CVPR 2019, ResNet-C).
        avg_down: Shortcuts average where they halve the map (ResNet-D there).
        conv_cfg: Only None, or ``dict(type='Conv2d')``.
        norm_cfg: Normalisation.
        zero_init_residual: Start the last norm of each block at zero.
        groups: Groups of the 3x3 convolution of a bottleneck.
        base_width: Channels of each group, for 64 planes.
        init_cfg: Initialisation; default Kaiming.
        **kwargs: See :class:`Backbone`; ``norm_eval`` is True by default.
    """

    def __init__(
        self,
        depth: int,
        in_channels: int = 3,
        stem_channels: int | None = None,
        base_channels: int = 64,
        num_stages: int = 4,
        strides: Sequence[int] = (1, 2, 2, 2),
        dilations: Sequence[int] = (1, 1, 1, 1),
        out_indices: Sequence[int] = (0, 1, 2, 3),
        style: str = 'pytorch',
        deep_stem: bool = False,
        avg_down: bool = False,
        conv_cfg: dict | None = None,
        norm_cfg: dict = dict(type='BN', requires_grad=True),  # noqa: B006
        zero_init_residual: bool = True,
        groups: int = 1,
        base_width: int = 64,
        init_cfg: dict | list | None = None,
        norm_eval: bool = True,
        **kwargs: Any,
    ) -> None:
        if depth not in _ARCHITECTURES:
            raise KeyError(f'depth={depth}: a ResNet has one of the depths {list(_ARCHITECTURES)}')
        if style not in ('pytorch', 'caffe'):
            raise ArgumentError(f"style must be 'pytorch' or 'caffe', got {style!r}")
        if not 1 <= num_stages <= 4 or max(out_indices) >= num_stages:
            given = f'num_stages={num_stages}, out_indices={tuple(out_indices)}'
            raise ArgumentError(f'num_stages must be 1 to 4 and out_indices below it, got {given}')
        if min(len(strides), len(dilations)) < num_stages:
            given = f'strides={tuple(strides)}, dilations={tuple(dilations)}'
            raise ArgumentError(f'{given}: each must have an item for each of num_stages={num_stages}')
        require_plain_convs(conv_cfg)
        super().__init__(init_cfg or _DEFAULT_INIT, norm_eval=norm_eval, **kwargs)
        self.out_indices, self.zero_init_residual = tuple(out_indices), zero_init_residual
        channels = stem_channels or base_channels
        self._make_stem(in_channels, channels, deep_stem, norm_cfg)
        block, counts = _ARCHITECTURES[depth]
        common: dict[str, Any] = dict(block=block, groups=groups, base_width=base_width)
        common |= dict(avg_down=avg_down, norm_cfg=norm_cfg)
        for i, count in enumerate(counts[:num_stages]):
            planes = base_channels * 2**i
            shape = dict(channels=channels, planes=planes, count=count, stride=strides[i], dilation=dilations[i])
            self.add_module(f'layer{i + 1}', self.make_res_layer(**common, **shape))
            channels = planes * block.expansion
        for module in self.modules() if style == 'caffe' else ():
            if isinstance(module, Bottleneck):
                module.conv1.stride, module.conv2.stride = module.conv2.stride, (1, 1)
        self._freeze()

    def _make_stem(self, in_channels: int, channels: int, deep: bool, norm_cfg: dict) -> None:
        self.deep_stem = deep
        if deep:
            widths = [in_channels, channels // 2, channels // 2, channels]
            convs = [nn.Conv2d(widths[i], widths[i + 1], 3, 1 if i else 2, 1, bias=False) for i in range(3)]
            parts = [[c, build_norm(norm_cfg, c.out_channels)[1], nn.ReLU(inplace=True)] for c in convs]
            self.stem = nn.Sequential(*itertools.chain(*parts))
        else:
            self.conv1 = nn.Conv2d(in_channels, channels, 7, stride=2, padding=3, bias=False)
            self.bn1 = build_norm(norm_cfg, channels)[1]
            self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)

    def make_res_layer(self, **kwargs: Any) -> nn.Module:
        """A residual stage; called for each with all that it has."""
        return _make_stage(**kwargs)

    @property
    def norm1(self) -> nn.Module:
        """The (last) normalisation of the stem."""
        return self.stem[-2] if self.deep_stem else self.bn1

    @property
    def stages(self) -> list[nn.Module]:
        """The residual stages, from stride 4 on."""
        return [m for name, m in self.named_children() if name.startswith('layer')]

    def _parts(self) -> list[list[nn.Module]]:
        stem: list[nn.Module] = [self.stem] if self.deep_stem else [self.conv1, self.norm1]
        return [stem, *([stage] for stage in self.stages)]

    def init_weights(self) -> None:
        """Initialise from ``init_cfg``; see ``zero_init_residual``."""
        super().init_weights()
        pretrained = isinstance(self.init_cfg, dict) and self.init_cfg.get('type') == 'Pretrained'
        if self.zero_init_residual and not pretrained:
            for module in self.modules():
                if isinstance(module, (BasicBlock, Bottleneck)):
                    last = module.bn3 if isinstance(module, Bottleneck) else module.bn2
                    nn.init.zeros_(last.weight)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Images (N, in_channels, H, W) -> maps of the chosen stages, finest first."""
        x = self.maxpool(self.stem(x) if self.deep_stem else self.relu(self.norm1(self.conv1(x))))
        outs = []
        for i, stage in enumerate(self.stages):
            x = self._run(stage, x)
            if i in self.out_indices:
                outs.append(x)
        return tuple(outs)


@MODELS.register_module()
class ResNeXt(ResNet):
    """ResNet of depth 50, 101 or 152 with grouped convolutions (Xie et al., CVPR 2017).

    Arguments as of :class:`ResNet`; ``base_width`` are the channels of each group in the first stage.
    """

    def __init__(self, depth: int, groups: int = 1, base_width: int = 4, **kwargs: Any) -> None:
        super().__init__(depth, groups=groups, base_width=base_width, **kwargs)


@MODELS.register_module()
class ReResNet(ResNet):
    """Rotation-equivariant ResNet (Han et al., ReDet, CVPR 2021), on the basis of e2cnn.

    Its channels come in groups of eight, one for each direction: a turn of the image by an eighth turns the maps and
    cycles each group. Arguments as of :class:`ResNet`, with these defaults; a single map is given as it is, not in a
    tuple.

    Args:
        expansion: Only None, or what the blocks of the depth have: 1 or 4.
        norm_cfg: Only ``dict(type='BN')``.
        zero_init_residual: Without effect, as in 0.x.
    """

    def __init__(
        self,
        depth: int,
        in_channels: int = 3,
        stem_channels: int = 64,
        base_channels: int = 64,
        expansion: int | None = None,
        num_stages: int = 4,
        strides: Sequence[int] = (1, 2, 2, 2),
        dilations: Sequence[int] = (1, 1, 1, 1),
        out_indices: Sequence[int] = (3,),
        style: str = 'pytorch',
        deep_stem: bool = False,
        avg_down: bool = False,
        frozen_stages: int = -1,
        conv_cfg: dict | None = None,
        norm_cfg: dict = dict(type='BN', requires_grad=True),  # noqa: B006
        norm_eval: bool = False,
        with_cp: bool = False,
        zero_init_residual: bool = True,
        pretrained: str | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        if dict(requires_grad=True) | dict(norm_cfg) != dict(type='BN', requires_grad=True):
            raise ArgumentError(f"ReResNet has norm_cfg=dict(type='BN', requires_grad=True) only, got {norm_cfg}")
        if depth in _ARCHITECTURES and expansion not in (None, _ARCHITECTURES[depth][0].expansion):
            usual = _ARCHITECTURES[depth][0].expansion
            raise ArgumentError(f'the blocks of depth={depth} have expansion={usual}, got {expansion}')
        super().__init__(
            depth,
            in_channels,
            stem_channels,
            base_channels,
            num_stages,
            strides,
            dilations,
            out_indices,
            style,
            deep_stem,
            avg_down,
            conv_cfg,
            norm_cfg,
            zero_init_residual=False,
            init_cfg=init_cfg,
            norm_eval=norm_eval,
            frozen_stages=frozen_stages,
            with_cp=with_cp,
            pretrained=pretrained,
        )
        make_equivariant(self, image_layer=self.stem[0] if deep_stem else self.conv1)
        self._freeze()

    def forward(self, x: Tensor) -> Any:
        """Images (N, in_channels, H, W) -> the map of the chosen stage, or those of several, finest first."""
        outs = super().forward(x)
        return outs[0] if len(outs) == 1 else outs


def _make_stage(
    block: _Block,
    channels: int,
    planes: int,
    count: int,
    stride: int,
    dilation: int,
    avg_down: bool,
    norm_cfg: dict,
    **kwargs: int,
) -> nn.Sequential:
    """``count`` residual blocks; the first takes the stride and, where needed, a projection."""

    def norm(channels: int) -> nn.Module:
        return build_norm(norm_cfg, channels)[1]

    out = planes * block.expansion
    shortcut = None
    if stride != 1 or channels != out:
        pools: list[nn.Module] = []
        if avg_down and stride != 1:
            pools = [nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False)]
        conv = nn.Conv2d(channels, out, 1, stride=1 if pools else stride, bias=False)
        shortcut = nn.Sequential(*pools, conv, norm(out))
    blocks = [block(channels, planes, stride, shortcut, norm_layer=norm, **kwargs)]
    blocks += [block(out, planes, norm_layer=norm, **kwargs) for _ in range(count - 1)]
    for each in blocks:
        conv = each.conv2 if isinstance(each, Bottleneck) else each.conv1
        conv.dilation = conv.padding = (dilation, dilation)
    return nn.Sequential(*blocks)
