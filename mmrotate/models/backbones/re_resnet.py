"""ReResNet: a ResNet whose features turn with the image."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from mmrotate.models.equivariant import image_type, make_equivariant, wrap
from mmrotate.registry import MODELS

from .resnet import ResNet


@MODELS.register_module()
class ReResNet(ResNet):
    """Rotation-equivariant ResNet (Han et al., ReDet, CVPR 2021), through e2cnn.

    Its channels come in groups of eight, one for each direction: a turn of the image by an eighth
    turns the maps and cycles each group.

    Args:
        depth: 18, 34, 50, 101 or 152.
        in_channels: Channels of the image.
        out_indices: Stages whose maps are returned.
        norm_eval: See :class:`Backbone`.
        **kwargs: See :class:`ResNet`.
    """

    def __init__(
        self,
        depth: int,
        in_channels: int = 3,
        out_indices: Sequence[int] = (3,),
        norm_eval: bool = False,
        **kwargs: Any,
    ) -> None:
        frozen_stages = kwargs.pop('frozen_stages', -1)
        kwargs.setdefault('zero_init_residual', False)
        super().__init__(depth, in_channels, out_indices=out_indices, norm_eval=norm_eval, **kwargs)
        self.image_type = image_type(in_channels)
        make_equivariant(self, self.image_type)
        self.frozen_stages = frozen_stages
        self._freeze()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Images (N, in_channels, H, W) -> maps of the chosen stages, finest first."""
        return tuple(m.tensor for m in super().forward(wrap(x, self.image_type)))
