"""Convolutions whose kernel points move: torchvision's kernels under the names of 0.x."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.utils import _pair
from torchvision.ops import deform_conv2d as _torchvision_deform_conv2d

from .backend import compute_dtype

_Size = int | tuple[int, ...]


def deform_conv2d(
    input: Tensor,
    offset: Tensor,
    weight: Tensor,
    stride: _Size = 1,
    padding: _Size = 0,
    dilation: _Size = 1,
    groups: int = 1,
    deform_groups: int = 1,
) -> Tensor:
    """Deformable convolution (Dai et al., ICCV 2017): the next one with factors of 1."""
    settings = (stride, padding, dilation, groups, deform_groups)
    return modulated_deform_conv2d(input, offset, None, weight, None, *settings)


def modulated_deform_conv2d(
    input: Tensor,
    offset: Tensor,
    mask: Tensor | None,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _Size = 1,
    padding: _Size = 0,
    dilation: _Size = 1,
    groups: int = 1,
    deform_groups: int = 1,
) -> Tensor:
    """Deformable convolution with a factor for each point (Zhu et al., CVPR 2019).

    Differentiable to all its tensors.

    Args:
        input: Maps (N, C, H, W).
        offset: (N, deform_groups * 2 * kh * kw, H', W') in pixels of the map: for each point of
            the kernel, row by row, how far down and how far to the right it moves.
        mask: Factors (N, deform_groups * kh * kw, H', W'); None for 1.
        weight: (O, C / groups, kh, kw).
        bias: (O,).
        stride: Stride of the convolution.
        padding: Zeros added at every border.
        dilation: Spacing of the kernel.
        groups: Groups of the convolution.
        deform_groups: Groups of channels with offsets of their own.

    Returns:
        (N, O, H', W') of the type of ``input``.

    Raises:
        ValueError: shapes that do not fit.
    """
    step, border, spacing = _pair(stride), _pair(padding), _pair(dilation)
    if input.dim() != 4 or weight.dim() != 4 or input.size(1) != weight.size(1) * groups:
        raise ValueError(
            f'input must be (N, {groups} * C, H, W) and weight (O, C, kh, kw), got '
            f'{tuple(input.shape)} and {tuple(weight.shape)}'
        )
    kernel = weight.shape[2:]
    size = [
        (input.shape[2 + i] + 2 * border[i] - spacing[i] * (kernel[i] - 1) - 1) // step[i] + 1
        for i in range(2)
    ]
    points = deform_groups * kernel[0] * kernel[1]
    for name, tensor, channels in (('offset', offset, 2 * points), ('mask', mask, points)):
        expected = (input.size(0), channels, *size)
        if tensor is not None and tensor.shape != expected:
            raise ValueError(f'{name} must have shape {expected}, got {tuple(tensor.shape)}')
    dtype = compute_dtype(input)
    x, moves, filters = (t.to(dtype) for t in (input, offset, weight))
    shift, factors = (None if t is None else t.to(dtype) for t in (bias, mask))
    out = _torchvision_deform_conv2d(x, moves, filters, shift, step, border, spacing, factors)
    return out.to(input.dtype)


class ModulatedDeformConv2d(nn.Conv2d):
    """See :func:`modulated_deform_conv2d`.

    Args:
        *args: As of a convolution, up to ``groups``.
        deform_groups: Groups of channels with offsets of their own.
        bias: Add one number per output map.
        **kwargs: As of a convolution.
    """

    def __init__(
        self, *args: Any, deform_groups: int = 1, bias: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(*args, bias=bias, **kwargs)  # type: ignore[misc]
        self.deform_groups = deform_groups

    def forward(  # type: ignore[override]
        self, x: Tensor, offset: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """Maps, offsets and factors -> (N, out_channels, H', W')."""
        settings = (self.stride, self.padding, self.dilation, self.groups, self.deform_groups)
        return modulated_deform_conv2d(x, offset, mask, self.weight, self.bias, *settings)  # type: ignore[arg-type]


class DeformConv2d(ModulatedDeformConv2d):
    """See :func:`deform_conv2d`; arguments as of its base, but without a bias by default."""

    def __init__(self, *args: Any, bias: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, bias=bias, **kwargs)


class ModulatedDeformConv2dPack(ModulatedDeformConv2d):
    """The same, with offsets and factors of its own finding, at first 0 and a half."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        points = self.deform_groups * self.kernel_size[0] * self.kernel_size[1]
        settings = (self.kernel_size, self.stride, self.padding, self.dilation)
        self.conv_offset = nn.Conv2d(self.in_channels, 3 * points, *settings)  # type: ignore[arg-type]
        nn.init.zeros_(self.conv_offset.weight)
        nn.init.zeros_(self.conv_offset.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """(N, in_channels, H, W) -> (N, out_channels, H', W')."""
        first, second, mask = self.conv_offset(x).chunk(3, 1)
        return super().forward(x, torch.cat([first, second], 1), mask.sigmoid())
