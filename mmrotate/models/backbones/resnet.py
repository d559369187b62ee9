"""ResNet with the blocks, and so the checkpoint keys, of torchvision."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from mmrotate.models.equivariant import make_equivariant
from mmrotate.models.layers import build_norm
from mmrotate.registry import MODELS

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
        base_channels: Channels of the stem and the first stage (64 in the paper).
        num_stages: Stages that are built, 1 to 4.
        out_indices: Stages whose maps are returned; strides are 4, 8, 16, 32.
        style: Where a bottleneck halves the map: ``'pytorch'`` in its 3x3, ``'caffe'`` in its first 1x1 convolution.
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
        base_channels: int = 64,
        num_stages: int = 4,
        out_indices: Sequence[int] = (0, 1, 2, 3),
        style: str = 'pytorch',
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
            raise ValueError(f"style must be 'pytorch' or 'caffe', got {style!r}")
        if not 1 <= num_stages <= 4 or max(out_indices) >= num_stages:
            given = f'num_stages={num_stages}, out_indices={tuple(out_indices)}'
            raise ValueError(f'num_stages must be 1 to 4 and out_indices below it, got {given}')
        super().__init__(init_cfg or _DEFAULT_INIT, norm_eval=norm_eval, **kwargs)
        self.out_indices, self.zero_init_residual = tuple(out_indices), zero_init_residual
        self.conv1 = nn.Conv2d(in_channels, base_channels, 7, stride=2, padding=3, bias=False)
        self.bn1 = build_norm(norm_cfg, base_channels)[1]
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        block, counts = _ARCHITECTURES[depth]
        channels, width = base_channels, dict(groups=groups, base_width=base_width)
        for i, count in enumerate(counts[:num_stages]):
            planes, stride = base_channels * 2**i, 2 if i else 1
            stage = _make_stage(block, channels, planes, count, stride, norm_cfg, **width)
            self.add_module(f'layer{i + 1}', stage)
            channels = planes * block.expansion
        for module in self.modules() if style == 'caffe' else ():
            if isinstance(module, Bottleneck):
                module.conv1.stride, module.conv2.stride = module.conv2.stride, (1, 1)
        self._freeze()

    @property
    def stages(self) -> list[nn.Module]:
        """The residual stages, from stride 4 on."""
        return [m for name, m in self.named_children() if name.startswith('layer')]

    def _parts(self) -> list[list[nn.Module]]:
        return [[self.conv1, self.bn1], *([stage] for stage in self.stages)]

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
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
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
    cycles each group. Arguments as of :class:`ResNet`, but by default ``out_indices=(3,)`` and ``norm_eval=False``;
    ``norm_cfg`` and ``zero_init_residual`` are fixed.
    """

    def __init__(self, depth: int, in_channels: int = 3, **kwargs: Any) -> None:
        settings: dict[str, Any] = dict(out_indices=(3,), norm_eval=False) | kwargs
        settings |= dict(norm_cfg=dict(type='BN'), zero_init_residual=False)
        super().__init__(depth, in_channels, **settings)
        make_equivariant(self, image_layer=self.conv1)
        self._freeze()


def _make_stage(
    block: _Block, channels: int, planes: int, count: int, stride: int, norm_cfg: dict, **kwargs: int
) -> nn.Sequential:
    """``count`` residual blocks; the first takes the stride and, where needed, a projection."""

    def norm(channels: int) -> nn.Module:
        return build_norm(norm_cfg, channels)[1]

    out = planes * block.expansion
    shortcut = None
    if stride != 1 or channels != out:
        shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride=stride, bias=False), norm(out))
    blocks = [block(channels, planes, stride, shortcut, norm_layer=norm, **kwargs)]
    blocks += [block(out, planes, norm_layer=norm, **kwargs) for _ in range(count - 1)]
    return nn.Sequential(*blocks)
