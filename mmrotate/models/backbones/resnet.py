"""ResNet and its kin, with the checkpoint keys of torchvision and MMDetection."""

import logging
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from mmrotate.models.attention import Attention
from mmrotate.models.equivariant import make_equivariant
from mmrotate.models.layers import build_conv, build_norm, require_plain_convs
from mmrotate.ops import ModulatedDeformConv2dPack
from mmrotate.registry import MODELS
from mmrotate.utils.errors import ArgumentError

from .base import KAIMING_INIT, Backbone
from .res_blocks import BasicBlock, Bottleneck, ResBlock, ResLayer

_logger = logging.getLogger('mmrotate')
# depth -> block, blocks per stage
_ARCHITECTURES: dict[int, tuple[type[ResBlock], tuple[int, ...]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}


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
        conv_cfg: Convolutions, see :func:`build_conv`.
        norm_cfg: Normalisation.
        dcn: Deformable convolutions, ``dict(type='DCN'|'DCNv2', deform_groups=1)``, of 3x3 in bottlenecks;
            with ``fallback_on_stride=True`` in it those that halve the map stay plain.
        stage_with_dcn: Whether each stage has them.
        plugins: Blocks inside of bottlenecks: a dict each of ``cfg``, whose ``type`` is :class:`ContextBlock`,
            :class:`GeneralizedAttention`, :class:`NonLocal2d` or one of your own, that takes ``in_channels``, and whose
            ``postfix`` tells two of a type apart; ``position``: ``'after_conv1'``, ``'after_conv2'`` or
            ``'after_conv3'``; and ``stages``, whether each stage has it, by default all.
        zero_init_residual: Start the last norm of each block at zero.
        init_cfg: Initialisation; default Kaiming.
        groups: Groups of the 3x3 convolution of a bottleneck.
        base_width: Channels of each group in the first stage; without groups, for 64 planes.

    The others are those of :class:`Backbone`; ``norm_eval`` is True by default.
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
        frozen_stages: int = -1,
        conv_cfg: dict | None = None,
        norm_cfg: dict = dict(type='BN', requires_grad=True),  # noqa: B006
        norm_eval: bool = True,
        dcn: dict | None = None,
        stage_with_dcn: Sequence[bool] = (False, False, False, False),
        plugins: Sequence[dict] | None = None,
        with_cp: bool = False,
        zero_init_residual: bool = True,
        pretrained: str | None = None,
        init_cfg: dict | list | None = None,
        *,
        groups: int = 1,
        base_width: int = 64,
    ) -> None:
        if depth not in _ARCHITECTURES:
            raise KeyError(f'depth={depth}: a ResNet has one of the depths {list(_ARCHITECTURES)}')
        self._check(num_stages, out_indices, style, strides=strides, dilations=dilations, stage_with_dcn=stage_with_dcn)
        super().__init__(init_cfg or KAIMING_INIT, pretrained, frozen_stages, norm_eval, with_cp)
        if dcn and not any(stage_with_dcn):
            _logger.warning('ResNet: dcn=%s has no effect, for stage_with_dcn names no stage', dcn)
        self.out_indices, self.zero_init_residual = tuple(out_indices), zero_init_residual
        channels = stem_channels or base_channels
        self._make_stem(in_channels, channels, deep_stem, conv_cfg, norm_cfg)
        block, counts = _ARCHITECTURES[depth]
        common: dict[str, Any] = dict(block=block, style=style, avg_down=avg_down, conv_cfg=conv_cfg, norm_cfg=norm_cfg)
        for i, count in enumerate(counts[:num_stages]):
            planes = base_channels * 2**i
            width = groups * int(planes * base_width / (base_channels if groups > 1 else 64))
            shape = dict(inplanes=channels, planes=planes, num_blocks=count, stride=strides[i], dilation=dilations[i])
            if block is Bottleneck:
                shape |= dict(groups=groups, width=width)
            extra: dict[str, Any] = dict(dcn=dcn if stage_with_dcn[i] else None)
            extra |= dict(plugins=self.make_stage_plugins(plugins or (), i))
            self.add_module(f'layer{i + 1}', self.make_res_layer(**common, **shape, **extra))
            channels = planes * block.expansion
        self._freeze()

    @staticmethod
    def _check(num_stages: int, out_indices: Sequence[int], style: str, **of_stages: Sequence) -> None:
        if style not in ('pytorch', 'caffe'):
            raise ArgumentError(f"style must be 'pytorch' or 'caffe', got {style!r}")
        if not 1 <= num_stages <= 4 or max(out_indices) >= num_stages:
            given = f'num_stages={num_stages}, out_indices={tuple(out_indices)}'
            raise ArgumentError(f'num_stages must be 1 to 4 and out_indices below it, got {given}')
        for name, values in of_stages.items():
            if len(values) < num_stages:
                raise ArgumentError(f'{name}={tuple(values)} must have an item for each of num_stages={num_stages}')

    def _make_stem(self, in_channels: int, channels: int, deep: bool, conv_cfg: dict | None, norm_cfg: dict) -> None:
        self.deep_stem = deep
        if deep:
            widths = [in_channels, channels // 2, channels // 2, channels]
            parts: list[nn.Module] = []
            for i, width in enumerate(widths[1:]):
                conv = build_conv(conv_cfg, widths[i], width, 3, stride=1 if i else 2, padding=1, bias=False)
                parts += [conv, build_norm(norm_cfg, width)[1], nn.ReLU(inplace=True)]
            self.stem = nn.Sequential(*parts)
        else:
            self.conv1 = build_conv(conv_cfg, in_channels, channels, 7, stride=2, padding=3, bias=False)
            name, norm = build_norm(norm_cfg, channels)
            self.norm1_name = f'{name}1'
            self.add_module(self.norm1_name, norm)
            self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)

    def make_stage_plugins(self, plugins: Sequence[dict], stage_idx: int) -> list[dict]:
        """The plugins of a stage, counted from 0, each without its ``stages``."""
        found = []
        for plugin in plugins:
            rest = dict(plugin)
            stages = rest.pop('stages', None)
            if stages is not None and len(stages) <= stage_idx:
                raise ArgumentError(f'stages={tuple(stages)} of a plugin must have an item for each stage')
            if stages is None or stages[stage_idx]:
                found.append(rest)
        return found

    def make_res_layer(self, **kwargs: Any) -> nn.Module:
        """A residual stage; called for each with all that it has."""
        return ResLayer(**kwargs)

    @property
    def norm1(self) -> nn.Module:
        """The (last) normalisation of the stem."""
        return self.stem[-2] if self.deep_stem else self.get_submodule(self.norm1_name)

    @property
    def stages(self) -> list[nn.Module]:
        """The residual stages, from stride 4 on."""
        return [m for name, m in self.named_children() if name.startswith('layer')]

    def _parts(self) -> list[list[nn.Module]]:
        stem: list[nn.Module] = [self.stem] if self.deep_stem else [self.conv1, self.norm1]
        return [stem, *([stage] for stage in self.stages)]

    def init_weights(self) -> None:
        """Initialise from ``init_cfg``; see ``zero_init_residual``. Offsets and plugins start as they do alone."""
        super().init_weights()
        if isinstance(self.init_cfg, dict) and self.init_cfg.get('type') == 'Pretrained':
            return
        for module in self.modules():
            if isinstance(module, ResBlock) and self.zero_init_residual:
                nn.init.zeros_(module.last_norm.weight)  # type: ignore[arg-type]
            if isinstance(module, Attention | ModulatedDeformConv2dPack):
                module.init_weights()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Images (N, in_channels, H, W) -> maps of the chosen stages, finest first."""
        x = self.maxpool(self.stem(x) if self.deep_stem else self.relu(self.norm1(self.conv1(x))))
        return self._through(self.stages, x)


@MODELS.register_module()
class ResNeXt(ResNet):
    """ResNet of depth 50, 101 or 152 with grouped convolutions (Xie et al., CVPR 2017).

    Arguments as of :class:`ResNet`; ``base_width`` are the channels of each group in the first stage.
    """

    def __init__(self, depth: int, groups: int = 1, base_width: int = 4, **kwargs: Any) -> None:
        super().__init__(depth, groups=groups, base_width=base_width if groups > 1 else 64, **kwargs)


@MODELS.register_module()
class ResNetV1c(ResNet):
    """ResNet with ``deep_stem`` (He et al., Bag of Tricks, CVPR 2019); other arguments as of :class:`ResNet`."""

    def __init__(self, depth: int, **kwargs: Any) -> None:
        super().__init__(depth, deep_stem=True, **kwargs)


@MODELS.register_module()
class ResNetV1d(ResNet):
    """ResNet with ``deep_stem`` and ``avg_down`` (He et al., Bag of Tricks, CVPR 2019); others as of its base."""

    def __init__(self, depth: int, **kwargs: Any) -> None:
        super().__init__(depth, deep_stem=True, avg_down=True, **kwargs)


@MODELS.register_module()
class ResNetV1dPaddle(ResNetV1d):
    """:class:`ResNetV1d` as PaddleDetection has it: every stage begins with a projection."""

    def make_res_layer(self, **kwargs: Any) -> nn.Module:
        """A residual stage; called for each with all that it has."""
        return super().make_res_layer(project_first=True, **kwargs)


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
        require_plain_convs(conv_cfg)
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
            frozen_stages,
            conv_cfg,
            norm_cfg,
            norm_eval,
            with_cp=with_cp,
            zero_init_residual=False,
            pretrained=pretrained,
            init_cfg=init_cfg,
        )
        make_equivariant(self, image_layer=self.stem[0] if deep_stem else self.conv1)
        self._freeze()

    def make_res_layer(self, avg_down: bool = False, stride: int = 1, **kwargs: Any) -> nn.Module:
        """A residual stage; shortcuts average only where they halve the map."""
        return super().make_res_layer(avg_down=avg_down and stride != 1, stride=stride, **kwargs)

    def forward(self, x: Tensor) -> Any:
        """Images (N, in_channels, H, W) -> the map of the chosen stage, or those of several, finest first."""
        outs = super().forward(x)
        return outs[0] if len(outs) == 1 else outs
