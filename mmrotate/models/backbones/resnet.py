"""ResNet with the blocks, and so the checkpoint keys, of torchvision."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from torchvision.models.resnet import BasicBlock, Bottleneck

from mmrotate.models.base_module import BaseModule
from mmrotate.models.layers import build_norm
from mmrotate.registry import MODELS

_Block = type[BasicBlock] | type[Bottleneck]
# depth -> block, blocks per stage
_ARCHITECTURES: dict[int, tuple[_Block, tuple[int, ...]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}
_DEFAULT_INIT = [
    dict(type='Kaiming', layer='Conv2d'),
    dict(type='Constant', val=1, layer=['_BatchNorm', 'GroupNorm']),
]


@MODELS.register_module()
class ResNet(BaseModule):
    """ResNet (He et al., CVPR 2016) as a pyramid of feature maps.

    Args:
        depth: 18, 34, 50, 101 or 152.
        in_channels: Channels of the image.
        base_channels: Channels of the stem and the first stage (64 in the paper).
        num_stages: Stages that are built, 1 to 4.
        out_indices: Stages whose maps are returned; strides are 4, 8, 16, 32.
        style: Where a bottleneck halves the map: ``'pytorch'`` in its 3x3, ``'caffe'`` in its
            first 1x1 convolution.
        frozen_stages: Stem (0) and stages up to this one get no gradient and stay in eval mode;
            -1 freezes nothing.
        norm_cfg: Normalisation layer.
        norm_eval: Keep the running statistics of all batch norms fixed in training.
        with_cp: Recompute activations in the backward pass, which saves memory.
        zero_init_residual: Start the last norm of each block at zero.
        pretrained: A checkpoint, short for ``init_cfg=dict(type='Pretrained', checkpoint=...)``.
        init_cfg: Initialisation; default Kaiming.
    """

    def __init__(
        self,
        depth: int,
        in_channels: int = 3,
        base_channels: int = 64,
        num_stages: int = 4,
        out_indices: Sequence[int] = (0, 1, 2, 3),
        style: str = 'pytorch',
        frozen_stages: int = -1,
        norm_cfg: dict = dict(type='BN', requires_grad=True),  # noqa: B006
        norm_eval: bool = True,
        with_cp: bool = False,
        zero_init_residual: bool = True,
        pretrained: str | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        if depth not in _ARCHITECTURES:
            raise KeyError(f'depth={depth}: a ResNet has one of the depths {list(_ARCHITECTURES)}')
        if style not in ('pytorch', 'caffe'):
            raise ValueError(f"style must be 'pytorch' or 'caffe', got {style!r}")
        if not 1 <= num_stages <= 4 or max(out_indices) >= num_stages:
            raise ValueError(
                f'num_stages must be 1 to 4 and out_indices below it, got '
                f'num_stages={num_stages}, out_indices={tuple(out_indices)}'
            )
        if pretrained is not None:
            init_cfg = dict(type='Pretrained', checkpoint=pretrained)
        super().__init__(init_cfg or _DEFAULT_INIT)
        self.out_indices = tuple(out_indices)
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        self.with_cp = with_cp
        self.zero_init_residual = zero_init_residual

        self.conv1 = nn.Conv2d(in_channels, base_channels, 7, stride=2, padding=3, bias=False)
        self.bn1 = build_norm(norm_cfg, base_channels)[1]
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        block, counts = _ARCHITECTURES[depth]
        channels = base_channels
        for i, count in enumerate(counts[:num_stages]):
            planes = base_channels * 2**i
            stage = _make_stage(block, channels, planes, count, 1 if i == 0 else 2, norm_cfg)
            self.add_module(f'layer{i + 1}', stage)
            channels = planes * block.expansion
        if style == 'caffe':
            self._move_strides()
        self._freeze()

    @property
    def stages(self) -> list[nn.Module]:
        """The residual stages, from stride 4 on."""
        return [m for name, m in self.named_children() if name.startswith('layer')]

    def _move_strides(self) -> None:
        for module in self.modules():
            if isinstance(module, Bottleneck):
                module.conv1.stride, module.conv2.stride = module.conv2.stride, (1, 1)

    def _frozen(self) -> list[nn.Module]:
        if self.frozen_stages < 0:
            return []
        return [self.conv1, self.bn1, *self.stages[: self.frozen_stages]]

    def _freeze(self) -> None:
        for module in self._frozen():
            module.eval()
            module.requires_grad_(False)

    def train(self, mode: bool = True) -> 'ResNet':
        """Switch to training, but for what is frozen and, with ``norm_eval``, the batch norms."""
        super().train(mode)
        self._freeze()
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self

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
            for block in stage:
                if self.with_cp and x.requires_grad:
                    x = checkpoint(block, x, use_reentrant=False)
                else:
                    x = block(x)
            if i in self.out_indices:
                outs.append(x)
        return tuple(outs)


def _make_stage(
    block: _Block, channels: int, planes: int, count: int, stride: int, norm_cfg: dict
) -> nn.Sequential:
    """``count`` residual blocks; the first takes the stride and, where needed, a projection."""

    def norm(channels: int) -> nn.Module:
        return build_norm(norm_cfg, channels)[1]

    out = planes * block.expansion
    shortcut = None
    if stride != 1 or channels != out:
        shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride=stride, bias=False), norm(out))
    blocks = [block(channels, planes, stride, shortcut, norm_layer=norm)]
    blocks += [block(out, planes, norm_layer=norm) for _ in range(count - 1)]
    return nn.Sequential(*blocks)
