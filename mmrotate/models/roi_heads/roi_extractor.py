"""RoI features from the level of the pyramid that fits the size of the RoI."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmrotate import ops
from mmrotate.models.base_module import BaseModule
from mmrotate.registry import MODELS
from mmrotate.utils import later
from mmrotate.utils.graph import current_graph, is_empty


class RoIAlign(nn.Module):
    """Features of horizontal regions (He et al., Mask R-CNN, ICCV 2017), by default aligned."""

    def __init__(self, output_size: int, spatial_scale: float, sampling_ratio: int = 0, aligned: bool = True) -> None:
        super().__init__()
        self.output_size, self.spatial_scale = (output_size, output_size), spatial_scale
        self.sampling_ratio, self.aligned = sampling_ratio, aligned

    def forward(self, input: Tensor, rois: Tensor) -> Tensor:
        """Maps (N, C, H, W) and regions (n, 5), image index, left, top, right, bottom -> (n, C, size, size)."""
        settings = (self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned)
        return later.torchvision().ops.roi_align(input, rois, *settings)


@MODELS.register_module()
class SingleRoIExtractor(BaseModule):
    """Takes each RoI's features from one level (Lin et al., FPN, CVPR 2017, eq. 1).

    Args:
        roi_layer: ``dict(type='RoIAlign', output_size=7, ...)``, or a RoI layer of :mod:`mmrotate.ops`.
        out_channels: Channels of the pyramid.
        featmap_strides: Stride of each level in pixels, finest first.
        finest_scale: RoIs with a root of the area below twice this take the finest level.
        init_cfg: Initialisation.
    """

    # numbers of a box in a RoI
    box_dim = 4

    def __init__(
        self,
        roi_layer: dict,
        out_channels: int,
        featmap_strides: Sequence[int],
        finest_scale: int = 56,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.featmap_strides, self.out_channels, self.finest_scale = list(featmap_strides), out_channels, finest_scale
        self.roi_layers = self.build_roi_layers(roi_layer, self.featmap_strides)

    def build_roi_layers(self, layer_cfg: dict, featmap_strides: Sequence[int]) -> nn.ModuleList:
        """A RoI layer for the map of each stride; ``layer_cfg`` as ``roi_layer``."""
        args = dict(layer_cfg)
        name = args.pop('type')
        layer = RoIAlign if name == 'RoIAlign' else getattr(ops, name, None)
        if not (isinstance(layer, type) and issubclass(layer, nn.Module)):
            raise KeyError(f'roi_layer={layer_cfg}: mmrotate.ops has no layer of this type')
        return nn.ModuleList(layer(spatial_scale=1 / stride, **args) for stride in featmap_strides)

    @property
    def num_inputs(self) -> int:
        """Levels of the pyramid that are used."""
        return len(self.featmap_strides)

    def _sides(self, rois: Tensor) -> Tensor:
        """Sides (n, 2) of RoIs."""
        return rois[:, 3:5] - rois[:, 1:3]

    def map_roi_levels(self, rois: Tensor, num_levels: int | None = None) -> Tensor:
        """Level (n,) of each RoI, of ``num_levels``, by default all."""
        scale = self._sides(rois).prod(1).clamp(min=0).sqrt()
        level = (scale / self.finest_scale + 1e-6).log2().floor()
        return level.clamp(0, (num_levels or self.num_inputs) - 1).long()

    def roi_rescale(self, rois: Tensor, scale_factor: float) -> Tensor:
        """RoIs whose sides are ``scale_factor`` times as long, around the same centres."""
        index, low, high = rois.split((1, 2, 2), 1)
        grow = (high - low) * ((scale_factor - 1) / 2)
        return torch.cat([index, low - grow, high + grow], 1)

    def forward(self, feats: Sequence[Tensor], rois: Tensor, roi_scale_factor: float | None = None) -> Tensor:
        """Features (n, C, out, out) of RoIs (n, 5), from a map (N, C, H, W) of each stride.

        A RoI is image index, left, top, right, bottom in pixels; its features come from a region around its centre
        with ``roi_scale_factor`` times its sides.
        """
        size: Any = self.roi_layers[0].output_size
        levels = self.map_roi_levels(rois, len(feats))
        # zeros, made of values: a file for OpenVINO would hold all of them as a constant, some 100 MB
        out = (levels < 0).to(feats[0].dtype).view(-1, 1, 1, 1).expand(-1, self.out_channels, *size)
        if roi_scale_factor is not None:
            rois = self.roi_rescale(rois, roi_scale_factor)
        graph = current_graph() is not None  # no branch on a number
        places, parts = [rois.new_empty(0, dtype=torch.int64)], [out[:0]]
        for i, (feat, layer) in enumerate(zip(feats, self.roi_layers, strict=True)):
            index = (levels == i).nonzero().squeeze(1)
            if graph:
                out = out.index_copy(0, index, layer(feat, rois[index]).to(out.dtype))
            elif not is_empty(index):
                places.append(index)
                parts.append(layer(feat, rois[index]).to(out.dtype))
            elif feat.requires_grad:  # keeps the map in the graph: every parameter gets a gradient
                parts.append(out[:0] + feat.sum() * 0)
        # all at once: one level after the other would copy the whole each time
        return out if graph else out.index_copy(0, torch.cat(places), torch.cat(parts))


@MODELS.register_module()
class RotatedSingleRoIExtractor(SingleRoIExtractor):
    """The same for RoIs (n, 6): image index, x, y, w, h in pixels, theta in radians."""

    box_dim = 5

    def _sides(self, rois: Tensor) -> Tensor:
        return rois[:, 3:5]

    def roi_rescale(self, rois: Tensor, scale_factor: float) -> Tensor:
        """As of the base."""
        return torch.cat([rois[:, :3], rois[:, 3:5] * scale_factor, rois[:, 5:]], 1)
