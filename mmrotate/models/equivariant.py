"""Layers that turn with the image, in steps of an eighth of a turn, on the basis of e2cnn.

A map's channels come in groups of eight, one for each direction: a turn of the image turns the maps
and cycles each group. The state has the keys of e2cnn's layers, in training and evaluation alike.
"""

import warnings
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmrotate.utils.errors import ArgumentError
from mmrotate.utils.imports import import_package

ORIENTATIONS = 8
# what e2cnn calls the filters from a map's channels, and from an image's
_BLOCKS = {'maps': "block_expansion_('regular', 'regular')", 'colours': "block_expansion_('irrep_0', 'regular')"}


@cache
def _basis(block: str, kernel_size: int) -> tuple[Tensor, Tensor]:
    """Filters (b, 8, 1 or 8, k * k) between two groups, and the deviation (b,) to draw each with."""
    user = 'a rotation-equivariant model (ReResNet, ReFPN)'
    enn = import_package('e2cnn.nn', user)
    space = import_package('e2cnn.gspaces', user).Rot2dOnR2(ORIENTATIONS)
    source = space.trivial_repr if block == _BLOCKS['colours'] else space.regular_repr
    fields = [enn.FieldType(space, [each]) for each in (source, space.regular_repr)]
    # kept for all models, whatever device this one is made on
    with torch.device('cpu'), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # e2cnn indexes as torch once did
        conv = enn.R2Conv(*fields, kernel_size, sigma=None, frequencies_cutoff=lambda r: 3 * r, initialize=False)
        enn.init.generalized_he_init(conv.weights.data, conv.basisexpansion, cache=True)
        deviation = enn.init.cached_he_vars[conv.basisexpansion]
    return getattr(conv.basisexpansion, block).sampled_basis, deviation


def _groups(channels: int) -> int:
    if channels % ORIENTATIONS:
        raise ArgumentError(f'channels must be a multiple of {ORIENTATIONS}, got {channels}')
    return channels // ORIENTATIONS


class EquivariantConv2d(nn.Module):
    """Convolution (N, in, H, W) -> (N, out, H', W'), whose filters are sums of basis filters.

    Args, besides those of a convolution:
        in_channels: Channels of the input, a multiple of eight, or of an image.
        out_channels: Channels of the output, a multiple of eight.
        bias: Add a bias to each group.
        image: The input's channels are colours, which no turn changes.
    """

    filter: Tensor
    bias: nn.Parameter | None
    bias_expansion: Tensor
    expanded_bias: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
        image: bool = False,
        dilation: int = 1,
    ) -> None:
        super().__init__()
        self.stride, self.padding, self.dilation = stride, padding, dilation
        sources, groups = in_channels if image else _groups(in_channels), _groups(out_channels)
        self.block = _BLOCKS['colours' if image else 'maps']
        basis, deviation = _basis(self.block, kernel_size)
        holder = nn.Module()
        holder.register_buffer('sampled_basis', basis.clone())
        self._basisexpansion = nn.ModuleDict({self.block: holder})
        weights = torch.randn(groups, sources, len(basis)) * deviation.to(torch.empty(0).device)
        self.weights = nn.Parameter((weights / sources**0.5).flatten())
        self.register_buffer('filter', torch.zeros(out_channels, in_channels, *[kernel_size] * 2))
        self.register_parameter('bias', nn.Parameter(torch.zeros(groups)) if bias else None)
        if bias:
            spread = torch.eye(groups).repeat_interleave(ORIENTATIONS, 0) / ORIENTATIONS**0.5
            self.register_buffer('bias_expansion', spread)
            self.register_buffer('expanded_bias', torch.zeros(out_channels))
        self.register_load_state_dict_post_hook(_accept_any_mode)
        self._derive()

    def _expand(self) -> tuple[Tensor, Tensor | None]:
        """The filters (out, in, k, k) and the bias (out,) or None; in full precision."""
        with torch.autocast(self.weights.device.type, enabled=False):
            basis = self._basisexpansion.get_buffer(f'{self.block}.sampled_basis')
            weights = self.weights.view(len(self.filter) // ORIENTATIONS, -1, len(basis))
            filters = torch.einsum('bdek,oib->odiek', basis, weights).reshape(self.filter.shape)
            return filters, None if self.bias is None else self.bias_expansion @ self.bias

    @torch.no_grad()
    def _derive(self) -> None:
        """Note the filters of the present weights, for evaluation and for the state."""
        if self.weights.is_meta:
            return
        filters, bias = self._expand()
        self.filter.copy_(filters)
        if bias is not None:
            self.expanded_bias.copy_(bias)

    def train(self, mode: bool = True) -> 'EquivariantConv2d':
        """Switch the mode; evaluation takes the filters of the weights of this moment."""
        if not mode:
            self._derive()
        return super().train(mode)

    def _save_to_state_dict(self, *args: Any, **kwargs: Any) -> None:
        self._derive()
        super()._save_to_state_dict(*args, **kwargs)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, in_channels, H, W) -> maps (N, out_channels, H', W')."""
        if self.training or (torch.is_grad_enabled() and self.weights.requires_grad):
            filters, bias = self._expand()
        else:
            filters, bias = self.filter, None if self.bias is None else self.expanded_bias
        return F.conv2d(x, filters, bias, self.stride, self.padding, self.dilation)


def _accept_any_mode(conv: EquivariantConv2d, keys: Any) -> None:
    """What e2cnn saves in training lacks what follows from the weights; compute it anew."""
    derived = ('filter', 'expanded_bias')
    keys.missing_keys[:] = [key for key in keys.missing_keys if key.rpartition('.')[2] not in derived]
    conv._derive()


class EquivariantBatchNorm(nn.Module):
    """Batch norm (N, C, H, W) whose statistics are those of a group of channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer('indices_8', torch.tensor([0, channels]))
        self.add_module('batch_norm_[8]', nn.BatchNorm3d(_groups(channels)))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W) -> the same shape."""
        norm = self.get_submodule('batch_norm_[8]')
        return norm(x.unflatten(1, (-1, ORIENTATIONS))).flatten(1, 2)


def make_equivariant(module: nn.Module, image_layer: nn.Module) -> None:
    """Replace the layers of a ResNet, in place; ``image_layer`` is the one that sees the image."""
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d):
            size, stride, padding = child.kernel_size[0], child.stride[0], int(child.padding[0])
            shape = (child.in_channels, child.out_channels, size, stride, padding, False)
            conv = EquivariantConv2d(*shape, image=child is image_layer, dilation=child.dilation[0])
            setattr(module, name, conv)
        elif isinstance(child, nn.BatchNorm2d):
            setattr(module, name, EquivariantBatchNorm(child.num_features))
        else:
            make_equivariant(child, image_layer)
