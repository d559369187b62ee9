"""Of the residual blocks of MMRotate 0.3."""

from typing import Any

from torch import nn

from mmrotate.models.backbones.res_blocks import ResBlock
from mmrotate.models.backbones.res_blocks import ResLayer as _ResLayer
from mmrotate.models.equivariant import make_equivariant


def get_expansion(block: Any, expansion: int | None = None) -> int:
    """Channels that a block gives over those inside of it: ``expansion`` where it is given, else the block's own."""
    found = getattr(block, 'expansion', None) if expansion is None else expansion
    if not isinstance(found, int) or found < 1:
        raise TypeError(f'expansion must be a whole number from 1 on, got {found!r} for {block}')
    return found


class ResLayer(_ResLayer):
    """A stage of ReResNet, whose layers turn with the image, by the arguments of 0.3.

    Args:
        block: ``BasicBlock`` or ``Bottleneck``.
        num_blocks: Blocks.
        in_channels: Channels of the input, a multiple of eight.
        out_channels: Channels of the output, likewise.
        expansion: Only None, or the block's own.
        stride: Stride of the stage.
        avg_down: The shortcut averages where it halves the map.
        **kwargs: Further arguments of the blocks.
    """

    def __init__(
        self,
        block: type[ResBlock],
        num_blocks: int,
        in_channels: int,
        out_channels: int,
        expansion: int | None = None,
        stride: int = 1,
        avg_down: bool = False,
        **kwargs: Any,
    ) -> None:
        if get_expansion(block, expansion) != block.expansion:
            raise TypeError(f'the blocks {block.__name__} have expansion={block.expansion}, got {expansion}')
        planes, pools = out_channels // block.expansion, avg_down and stride != 1
        super().__init__(block, in_channels, planes, num_blocks, stride, pools, **kwargs)
        make_equivariant(self, image_layer=nn.Identity())


class BBoxTestMixin:
    """A base of RoI heads of 0.x; the tests of boxes stand in the RoI heads themselves."""


class MaskTestMixin:
    """Its kin for masks, of which there are none."""
