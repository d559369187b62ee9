"""RoI features from the level of the pyramid that fits the size of the RoI."""

from collections.abc import Sequence
from typing import Any

import torchvision
from torch import Tensor, nn

from mmrotate import ops
from mmrotate.models.base_module import BaseModule
from mmrotate.registry import MODELS


class RoIAlign(torchvision.ops.RoIAlign):
    """Features of horizontal regions (He et al., Mask R-CNN, ICCV 2017), by default aligned."""

    def __init__(self, output_size: int, spatial_scale: float, sampling_ratio: int = 0, aligned: bool = True) -> None:
        super().__init__((output_size, output_size), spatial_scale, sampling_ratio, aligned)


@MODELS.register_module()
class SingleRoIExtractor(BaseModule):
    """Takes each RoI's features from one level (Lin et al., FPN, CVPR 2017, eq. 1).

    Args:
        roi_layer: ``dict(type='RoIAlign', output_size=7, ...)``, or a RoI layer of :mod:`mmrotate.ops`.
        out_channels: Channels of the pyramid.
        featmap_strides: Stride of each level in pixels, finest first.
        finest_scale: RoIs with a root of the area below twice this take the finest level.
        **kwargs: See :class:`BaseModule`.
    """

    # numbers of a box in a RoI
    box_dim = 4

    def __init__(
        self, roi_layer: dict, out_channels: int, featmap_strides: Sequence[int], finest_scale: int = 56, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.featmap_strides, self.out_channels, self.finest_scale = list(featmap_strides), out_channels, finest_scale
        args = dict(roi_layer)
        name = args.pop('type')
        layer = RoIAlign if name == 'RoIAlign' else getattr(ops, name, None)
        if not (isinstance(layer, type) and issubclass(layer, nn.Module)):
            raise KeyError(f'roi_layer={roi_layer}: mmrotate.ops has no layer of this type')
        self.roi_layers = nn.ModuleList(layer(spatial_scale=1 / stride, **args) for stride in self.featmap_strides)

    @property
    def num_inputs(self) -> int:
        """Levels of the pyramid that are used."""
        return len(self.featmap_strides)

    def _sides(self, rois: Tensor) -> Tensor:
        """Sides (n, 2) of RoIs."""
        return rois[:, 3:5] - rois[:, 1:3]

    def map_roi_levels(self, rois: Tensor) -> Tensor:
        """Level (n,) of each RoI."""
        scale = self._sides(rois).prod(1).clamp(min=0).sqrt()
        level = (scale / self.finest_scale + 1e-6).log2().floor()
        return level.clamp(0, self.num_inputs - 1).long()

    def forward(self, feats: Sequence[Tensor], rois: Tensor) -> Tensor:
        """Features (n, C, out, out) of RoIs (n, 5), from a map (N, C, H, W) of each stride.

        A RoI is image index, left, top, right, bottom in pixels.
        """
        size: Any = self.roi_layers[0].output_size
        out = feats[0].new_zeros(len(rois), self.out_channels, *size)
        levels = self.map_roi_levels(rois)
        for i, (feat, layer) in enumerate(zip(feats, self.roi_layers, strict=True)):
            index = (levels == i).nonzero().squeeze(1)
            if len(index):
                out = out.index_copy(0, index, layer(feat, rois[index]).to(out.dtype))
            else:  # keeps the map in the graph: every parameter gets a gradient
                out = out + feat.sum() * 0
        return out


@MODELS.register_module()
class RotatedSingleRoIExtractor(SingleRoIExtractor):
    """The same for RoIs (n, 6): image index, x, y, w, h in pixels, theta in radians."""

    box_dim = 5

    def _sides(self, rois: Tensor) -> Tensor:
        return rois[:, 3:5]
