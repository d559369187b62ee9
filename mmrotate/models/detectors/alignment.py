"""Features where the boxes of a stage lie, for the next stage."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmrotate.models.base_module import BaseModule
from mmrotate.ops import roi_align_rotated, rotated_feature_align
from mmrotate.utils.graph import current_graph


class FeatureRefineModule(BaseModule):
    """R3Det's feature refinement (Yang et al., AAAI 2021, section 3.2).

    Args:
        in_channels: Channels of the pyramid.
        featmap_strides: Stride of each level in pixels.
        as_published: Read the features of a box at row x and column y of the map, as the published models
            were trained. False reads where the box lies: for new trainings.
        init_cfg: By default weights near 0.
    """

    def __init__(
        self, in_channels: int, featmap_strides: Sequence[int], as_published: bool = True, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg or dict(type='Normal', layer='Conv2d', std=0.01))
        self.featmap_strides = list(featmap_strides)
        self.as_published = as_published
        self.conv_5_1 = nn.Conv2d(in_channels, in_channels, (5, 1), padding=(2, 0))
        self.conv_1_5 = nn.Conv2d(in_channels, in_channels, (1, 5), padding=(0, 2))
        self.conv_1_1 = nn.Conv2d(in_channels, in_channels, 1)

    def forward(self, x: Sequence[Tensor], rois: Sequence[Sequence[Tensor]]) -> list[Tensor]:
        """Maps (N, C, H, W) per level, and boxes (H * W, 5) of each image and level -> maps of the same shapes."""
        out = []
        for feat, boxes, stride in zip(x, _by_level(rois), self.featmap_strides, strict=True):
            mixed = self.conv_5_1(self.conv_1_5(feat)) + self.conv_1_1(feat)
            boxes = boxes if self.as_published else _transposed(boxes)
            out.append(feat + rotated_feature_align(mixed, boxes.flatten(0, 1), 1 / stride))
        return out


def _by_level(rois: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    """Boxes (n, 5) of each image and level -> (N, n, 5) per level, as which they come in a graph."""
    if current_graph() is not None:
        return list(rois)  # type: ignore[arg-type]
    return [torch.stack(level) for level in zip(*rois, strict=True)]


def _transposed(boxes: Tensor) -> Tensor:
    """Boxes (..., 5) mirrored at the diagonal x = y."""
    x, y, w, h, theta = boxes.unbind(-1)
    return torch.stack([y, x, w, h, math.pi / 2 - theta], -1)


class AlignConv(nn.Module):
    """A convolution whose kernel is laid over the box of each position; ``stride`` is that of the level.

    The paper says it as a deformable convolution. It is one sample in each cell of the rotated region,
    times the kernel, which costs a fraction, most of all in training.
    """

    def __init__(self, in_channels: int, kernel_size: int = 3, stride: int = 8) -> None:
        super().__init__()
        self.stride = stride
        # holds the weights, under the name that checkpoints have
        self.deform_conv = nn.Conv2d(in_channels, in_channels, kernel_size, bias=False)
        nn.init.normal_(self.deform_conv.weight, 0, 0.01)

    def forward(self, x: Tensor, boxes: Tensor) -> Tensor:
        """Maps (N, C, H, W) and boxes (N, H * W, 5) -> (N, C, H, W)."""
        weight = self.deform_conv.weight
        index = torch.arange(x.size(0), device=x.device)[:, None].expand(-1, boxes.size(1)).flatten()
        # zeros lie around the map; the sampling counts from the corner of a pixel
        shift = boxes.new_tensor([1.5 * self.stride, 1.5 * self.stride, 0, 0, 0])
        rois = torch.cat([index[:, None], (boxes + shift).flatten(0, 1)], 1)
        size = weight.shape[2:]
        cells = roi_align_rotated(F.pad(x, (1, 1, 1, 1)), rois, size, 1 / self.stride, 1, True, True)
        out = F.linear(cells.flatten(1), weight.flatten(1)).relu()
        return out.unflatten(0, (x.size(0), *x.shape[2:])).permute(0, 3, 1, 2)


class AlignConvModule(nn.Module):
    """S2A-Net's alignment (Han et al., TGRS 2021): an :class:`AlignConv` for each level, by its stride."""

    def __init__(self, channels: int, featmap_strides: Sequence[int], kernel_size: int = 3) -> None:
        super().__init__()
        self.ac = nn.ModuleList(AlignConv(channels, kernel_size, s) for s in featmap_strides)

    def forward(self, x: Sequence[Tensor], rois: Sequence[Sequence[Tensor]]) -> list[Tensor]:
        """Maps (N, C, H, W) per level, and boxes (H * W, 5) of each image and level -> maps of the same shapes."""
        return [conv(*level) for conv, *level in zip(self.ac, x, _by_level(rois), strict=True)]
