"""ReResNet: a ResNet whose features turn with the image."""

from collections.abc import Sequence
from typing import Any

from mmrotate.models.equivariant import make_equivariant
from mmrotate.registry import MODELS

from .resnet import ResNet


@MODELS.register_module()
class ReResNet(ResNet):
    """Rotation-equivariant ResNet (Han et al., ReDet, CVPR 2021), on the basis of e2cnn.

    Its channels come in groups of eight, one for each direction: a turn of the image by an eighth
    turns the maps and cycles each group.

    Args:
        depth: 18, 34, 50, 101 or 152.
        in_channels: Channels of the image.
        out_indices: Stages whose maps are returned.
        norm_eval: See :class:`Backbone`.
        **kwargs: See :class:`ResNet`; ``norm_cfg`` and ``zero_init_residual`` are fixed.
    """

    def __init__(
        self,
        depth: int,
        in_channels: int = 3,
        out_indices: Sequence[int] = (3,),
        norm_eval: bool = False,
        **kwargs: Any,
    ) -> None:
        fixed = dict(norm_cfg=dict(type='BN'), zero_init_residual=False)
        kwargs.update(out_indices=out_indices, norm_eval=norm_eval)
        super().__init__(depth, in_channels, **(kwargs | fixed))
        make_equivariant(self, image_layer=self.conv1)
        self._freeze()
