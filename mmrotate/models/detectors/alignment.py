"""Features where the boxes of a stage lie, for the next stage."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmrotate.models.base_module import BaseModule
from mmrotate.ops import DeformConv2d, rotated_feature_align


class FeatureRefineModule(BaseModule):
    """R3Det's feature refinement (Yang et al., AAAI 2021, section 3.2).

    Args:
        in_channels: Channels of the pyramid.
        featmap_strides: Stride of each level in pixels.
        init_cfg: Initialisation.
    """

    def __init__(
        self, in_channels: int, featmap_strides: Sequence[int], init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg or dict(type='Normal', layer='Conv2d', std=0.01))
        self.featmap_strides = list(featmap_strides)
        self.conv_5_1 = nn.Conv2d(in_channels, in_channels, (5, 1), padding=(2, 0))
        self.conv_1_5 = nn.Conv2d(in_channels, in_channels, (1, 5), padding=(0, 2))
        self.conv_1_1 = nn.Conv2d(in_channels, in_channels, 1)

    def forward(self, x: Sequence[Tensor], rois: Sequence[Tensor]) -> list[Tensor]:
        """Maps (N, C, H, W) and boxes (N, H * W, 5) per level -> maps of the same shapes."""
        out = []
        for feat, boxes, stride in zip(x, rois, self.featmap_strides, strict=True):
            mixed = self.conv_5_1(self.conv_1_5(feat)) + self.conv_1_1(feat)
            out.append(feat + rotated_feature_align(mixed, boxes.flatten(0, 1), 1 / stride))
        return out


class AlignConv(nn.Module):
    """A convolution whose kernel is laid over the box of each position.

    Args:
        in_channels: Channels of the input and the output.
        kernel_size: Side of the kernel, odd.
        stride: Stride of the level in pixels.
        deform_groups: Groups of channels that move together.
    """

    def __init__(
        self, in_channels: int, kernel_size: int = 3, stride: int = 8, deform_groups: int = 1
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride
        self.deform_conv = DeformConv2d(
            *(in_channels, in_channels, kernel_size),
            padding=(kernel_size - 1) // 2,
            deform_groups=deform_groups,
        )
        nn.init.normal_(self.deform_conv.weight, 0, 0.01)

    @torch.no_grad()
    def get_offset(self, boxes: Tensor) -> Tensor:
        """Boxes (N, H, W, 5) -> offsets (N, 2 * k * k, H, W), from the kernel's usual points."""
        _, height, width, _ = boxes.shape
        pad = (self.kernel_size - 1) // 2
        step = torch.arange(-pad, pad + 1, device=boxes.device, dtype=boxes.dtype)
        v, u = (t.flatten() for t in torch.meshgrid(step, step, indexing='ij'))
        x, y, w, h = (boxes[..., :4, None] / self.stride).unbind(-2)
        cos, sin = boxes[..., 4:].cos(), boxes[..., 4:].sin()
        along, across = u * w / self.kernel_size, v * h / self.kernel_size
        row = torch.arange(height, device=boxes.device)[:, None, None]
        col = torch.arange(width, device=boxes.device)[:, None]
        down = y + along * sin + across * cos - (row + v)
        right = x + along * cos - across * sin - (col + u)
        return torch.stack([down, right], -1).flatten(3).permute(0, 3, 1, 2)

    def forward(self, x: Tensor, boxes: Tensor) -> Tensor:
        """Maps (N, C, H, W) and boxes (N, H * W, 5) -> (N, C, H, W)."""
        offset = self.get_offset(boxes.unflatten(1, x.shape[2:]))
        groups = self.deform_conv.deform_groups
        return F.relu(self.deform_conv(x, offset.repeat(1, groups, 1, 1)))


class AlignConvModule(nn.Module):
    """S2A-Net's alignment (Han et al., TGRS 2021): an :class:`AlignConv` for each level.

    Args:
        channels: Channels of the pyramid.
        featmap_strides: Stride of each level in pixels.
        kernel_size: Side of the kernels.
    """

    def __init__(self, channels: int, featmap_strides: Sequence[int], kernel_size: int = 3) -> None:
        super().__init__()
        self.ac = nn.ModuleList(AlignConv(channels, kernel_size, s) for s in featmap_strides)

    def forward(self, x: Sequence[Tensor], rois: Sequence[Tensor]) -> list[Tensor]:
        """Maps (N, C, H, W) and boxes (N, H * W, 5) per level -> maps of the same shapes."""
        return [conv(*level) for conv, *level in zip(self.ac, x, rois, strict=True)]
