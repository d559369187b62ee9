"""Convolutions whose kernel points move, on CUDA by torchvision's kernels."""

from collections import namedtuple
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmrotate.utils import later

from .backend import compute_dtype
from .checks import check_floating, check_maps, check_whole, pair_of

# in units of half the map, from its middle: more than a pixel beyond any border
_OUTSIDE = 3.0
_Size = int | tuple[int, ...]
_Settings = namedtuple('_Settings', 'stride padding dilation groups deform_groups')  # the first three by axis


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

    Args, besides the settings of a convolution:
        input: Maps (N, C, H, W).
        offset: (N, deform_groups * 2 * kh * kw, H', W') in pixels of the map: for each point of
            the kernel, row by row, how far down and how far to the right it moves.
        mask: Factors (N, deform_groups * kh * kw, H', W'); None for 1.
        weight: (O, C / groups, kh, kw).
        bias: (O,).
        deform_groups: Groups of channels with offsets of their own.

    Returns:
        (N, O, H', W') of the type of ``input``. On a CPU a point whose offset is not finite reads nothing.

    Raises:
        ValueError: shapes that do not fit.
    """
    steps = pair_of('stride', stride, 1), pair_of('padding', padding, 0), pair_of('dilation', dilation, 1)
    check_whole('groups', groups, 1)
    check_whole('deform_groups', deform_groups, 1)
    settings = _Settings(*steps, groups, deform_groups)
    _check(input, offset, mask, weight, settings)
    if bias is not None:
        check_floating('bias', bias, weight.shape[:1])
    dtype = compute_dtype(input)
    x, moves, filters = (t.to(dtype) for t in (input, offset, weight))
    shift, factors = (None if t is None else t.to(dtype) for t in (bias, mask))
    if x.device.type != 'cpu':
        found = later.torchvision().ops.deform_conv2d(x, moves, filters, shift, *settings[:3], factors)
        return found.to(input.dtype)
    shape = (x.size(0), len(weight), *offset.shape[2:])  # not len(x): in a graph it would be a constant
    if x.numel() and moves.numel():
        with torch.autocast('cpu', enabled=False):
            columns = _columns(x, moves, factors, weight.shape[2:], settings)
            out = (filters.reshape(groups, -1, columns.size(2)) @ columns).reshape(shape)
    else:  # nothing is read; the gradients are there all the same
        empty = (t.flatten()[:0].sum() for t in (x, moves, filters, factors) if t is not None)
        out = sum(empty, x.new_zeros(shape))
    return (out if shift is None else out + shift.view(len(weight), 1, 1)).to(input.dtype)


def _check(input: Tensor, offset: Tensor, mask: Tensor | None, weight: Tensor, settings: _Settings) -> None:
    check_maps('input', input)
    check_maps('weight', weight)
    if input.size(1) != weight.size(1) * settings.groups:
        expected = f'input must be (N, {settings.groups} * C, H, W) and weight (O, C, kh, kw)'
        raise ValueError(f'{expected}, got {tuple(input.shape)} and {tuple(weight.shape)}')
    kernel = weight.shape[2:]
    size = [
        (length + 2 * border - spacing * (points - 1) - 1) // step + 1
        for length, points, step, border, spacing in zip(input.shape[2:], kernel, *settings[:3], strict=True)
    ]
    if any(length < 1 for length in (*kernel, *size)):  # min() would compare sizes, and a graph hold the answer
        raise ValueError(
            f'weight {tuple(kernel)} of dilation {settings.dilation} does not fit into input {tuple(input.shape[2:])}'
        )
    if len(weight) % settings.groups or input.size(1) % settings.deform_groups:
        raise ValueError(
            f'{len(weight)} filters must divide into {settings.groups} groups, '
            f'and {input.size(1)} channels into {settings.deform_groups} deform_groups'
        )
    points = settings.deform_groups * kernel[0] * kernel[1]
    for name, tensor, channels in (('offset', offset, 2 * points), ('mask', mask, points)):
        shape = (input.size(0), channels, *size)
        if tensor is not None or name == 'offset':
            check_floating(name, tensor, shape)


def _columns(maps: Tensor, offset: Tensor, mask: Tensor | None, kernel: torch.Size, settings: _Settings) -> Tensor:
    """What every point of the kernel reads, (N, groups, C * kh * kw / groups, H' * W').

    PyTorch's own sampling, whose gradient takes a seventh of the time of torchvision's on a CPU.
    """
    grouped = maps.contiguous().view(-1, maps.size(1) // settings.deform_groups, *maps.shape[2:])
    moves = offset.reshape(grouped.size(0), -1, 2, *offset.shape[2:])
    at = []  # in units of half the map from its middle, where pixels are areas
    for axis, length in enumerate(maps.shape[2:]):
        step, border, spacing = (pair[axis] for pair in settings[:3])
        shape = [1, 1]
        shape[axis] = -1
        first = torch.arange(offset.size(2 + axis), device=maps.device).view(shape) * step - border
        point = torch.arange(kernel[axis], device=maps.device).view(shape) * spacing
        point = point.expand(*kernel).reshape(-1, 1, 1)
        place = (2 * (moves[:, :, axis] + (first + point)) + 1) / length - 1
        # far outside of the map, or not a number: reads nothing
        at.append(place.nan_to_num(_OUTSIDE).clamp(-_OUTSIDE, _OUTSIDE))
    grid = torch.stack(at[::-1], -1).flatten(1, 2)
    found = F.grid_sample(grouped, grid, align_corners=False)
    found = found.view(*found.shape[:2], moves.size(1), -1)
    if mask is not None:
        found = found * mask.reshape(grouped.size(0), 1, moves.size(1), -1)
    return found.reshape(maps.size(0), settings.groups, -1, found.size(-1))


class ModulatedDeformConv2d(nn.Conv2d):
    """See :func:`modulated_deform_conv2d`; arguments as of a convolution up to ``groups``, others by name."""

    def __init__(self, *args: Any, deform_groups: int = 1, bias: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, bias=bias, **kwargs)  # type: ignore[misc]
        self.deform_groups = deform_groups

    def forward(self, x: Tensor, offset: Tensor, mask: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """Maps, offsets and factors -> (N, out_channels, H', W')."""
        settings = (self.stride, self.padding, self.dilation, self.groups, self.deform_groups)
        return modulated_deform_conv2d(x, offset, mask, self.weight, self.bias, *settings)  # type: ignore[arg-type]


class DeformConv2d(ModulatedDeformConv2d):
    """See :func:`deform_conv2d`; arguments as of its base, but without a bias by default."""

    def __init__(self, *args: Any, bias: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, bias=bias, **kwargs)


class ModulatedDeformConv2dPack(ModulatedDeformConv2d):
    """The same, with offsets and factors of its own finding, at first 0 and a half."""

    found = 3  # numbers for each point: down, right, factor

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        points = self.deform_groups * self.kernel_size[0] * self.kernel_size[1]
        settings = (self.kernel_size, self.stride, self.padding, self.dilation)
        self.conv_offset = nn.Conv2d(self.in_channels, self.found * points, *settings)  # type: ignore[arg-type]
        self.init_weights()

    def init_weights(self) -> None:
        """Set offsets to 0 and factors to a half."""
        nn.init.zeros_(self.conv_offset.weight)
        nn.init.zeros_(self.conv_offset.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """(N, in_channels, H, W) -> (N, out_channels, H', W')."""
        first, second, mask = self.conv_offset(x).chunk(3, 1)
        return super().forward(x, torch.cat([first, second], 1), mask.sigmoid())


class DeformConv2dPack(ModulatedDeformConv2dPack):
    """A :class:`DeformConv2d` with offsets of its own finding, at first 0."""

    found = 2

    def __init__(self, *args: Any, bias: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, bias=bias, **kwargs)

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """(N, in_channels, H, W) -> (N, out_channels, H', W')."""
        return ModulatedDeformConv2d.forward(self, x, self.conv_offset(x))
