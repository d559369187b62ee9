"""Filters that turn: one set of weights, its response under every rotation."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .checks import check_floating, check_labels, check_maps, check_whole

# the cells of a 3 x 3 kernel around its centre, clockwise from the upper left
_RING = (0, 1, 2, 5, 8, 7, 6, 3)


def active_rotated_filter(input: Tensor, indices: Tensor) -> Tensor:
    """All rotations of oriented filters (Zhou et al., Oriented Response Networks, CVPR 2017).

    Args:
        input: Weights (O, I, orientations, h, w).
        indices: (orientations, h, w, rotations) of whole numbers: where in a filter, counted from
            1, each of its entries goes under each rotation. Every rotation is a permutation.

    Returns:
        Weights (O * rotations, I * orientations, h, w), differentiable to ``input``.

    Raises:
        ValueError: shapes that do not fit, or, on a CPU, indices that are no permutation.
    """
    check_floating('input', input)
    check_labels('indices', indices)
    if input.dim() != 5 or indices.dim() != 4 or input.shape[2:] != indices.shape[:3]:
        raise ValueError(
            'input must be (O, I, orientations, h, w) and indices (orientations, h, w, rotations), '
            f'got {tuple(input.shape)} and {tuple(indices.shape)}'
        )
    out_channels, in_channels, orientations, height, width = input.shape
    places, source = indices.flatten(0, 2).sort(0)  # (entries, rotations), the inverse permutations
    if indices.device.type == 'cpu' and not torch.compiler.is_compiling():
        ordered = torch.arange(1, len(places) + 1)[:, None]
        if not (places == ordered).all():
            raise ValueError(f'indices of each rotation must be the numbers 1 to {len(places)} in some order')
    turned = input.flatten(2)[..., source.T]  # (O, I, rotations, entries)
    return turned.transpose(1, 2).reshape(out_channels * source.size(1), in_channels * orientations, height, width)


class ORConv2d(nn.Conv2d):
    """Convolution with filters under every rotation (Zhou et al., CVPR 2017).

    Args, besides those of a convolution:
        in_channels: Channels of the input, per orientation.
        out_channels: Channels of the output, per rotation.
        kernel_size: 1 or 3.
        arf_config: (orientations of the input, rotations of the filters) in a turn: 1, 2, 4 or 8; or one for both.
        groups: Only 1 is defined.
    """

    indices: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        arf_config: int | tuple[int, int] = 8,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        pair = (arf_config, arf_config) if isinstance(arf_config, int) else tuple(arf_config)
        if len(pair) != 2 or not set(pair) <= {1, 2, 4, 8}:
            raise ValueError(f'arf_config must be one or two of 1, 2, 4 and 8, got {arf_config}')
        if kernel_size not in (1, 3) or groups != 1:
            raise ValueError(f'kernel_size must be 1 or 3 and groups 1, got {kernel_size} and {groups}')
        self.nOrientation, self.nRotation = pair
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, bias=bias)
        self.register_buffer('indices', self.get_indices())
        shape = (out_channels, in_channels, self.nOrientation, kernel_size, kernel_size)
        self.weight = nn.Parameter(self.weight.new_empty(shape))
        if bias:
            self.bias = nn.Parameter(self.weight.new_empty(out_channels * self.nRotation))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """He's normal initialisation, biases of 0."""
        nn.init.normal_(self.weight, 0, math.sqrt(2 / self.weight[0].numel()))
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def get_indices(self) -> Tensor:
        """(orientations, k, k, rotations) of int32 for :func:`active_rotated_filter`."""
        side = self.kernel_size[0]
        ring, rotations = torch.tensor(_RING), torch.arange(self.nRotation)
        cells = torch.arange(side * side)[:, None].repeat(1, self.nRotation)
        for rotation in range(self.nRotation if side == 3 else 0):
            cells[ring, rotation] = ring.roll(-rotation * 8 // self.nRotation)
        layers = torch.arange(self.nOrientation)[:, None] + rotations * self.nOrientation // self.nRotation
        table = (layers % self.nOrientation)[:, None] * side * side + cells + 1
        return table.int().view(self.nOrientation, side, side, self.nRotation)

    def rotate_arf(self) -> Tensor:
        """The filters under every rotation."""
        return active_rotated_filter(self.weight, self.indices)

    def forward(self, input: Tensor) -> Tensor:
        """(N, in_channels * orientations, H, W) -> (N, out_channels * rotations, H', W')."""
        return F.conv2d(input, self.rotate_arf(), self.bias, self.stride, self.padding, self.dilation)


class RotationInvariantPooling(nn.Module):
    """The strongest orientation of each channel (Han et al., S2A-Net, TGRS 2021).

    Args:
        nInputPlane: Channels of the input, all orientations.
        nOrientation: Orientations of a channel, which lie together.
    """

    def __init__(self, nInputPlane: int, nOrientation: int = 8) -> None:
        super().__init__()
        check_whole('nOrientation', nOrientation, 1)
        self.nInputPlane = nInputPlane
        self.nOrientation = nOrientation

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C / nOrientation, H, W)."""
        check_maps('x', x)
        if x.size(1) % self.nOrientation:
            raise ValueError(f'x must have a multiple of {self.nOrientation} channels, got {x.size(1)}')
        return x.unflatten(1, (-1, self.nOrientation)).amax(2)
