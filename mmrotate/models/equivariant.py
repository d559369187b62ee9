"""Layers that turn with the image, in steps of an eighth of a turn, through e2cnn."""

from functools import cache
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from mmrotate.utils.imports import import_package

# a map's channels come in groups of so many: one for each direction
ORIENTATIONS = 8
# what a convolution computes from its weights in eval mode; other modes' checkpoints lack it
_DERIVED = ('.filter', '.expanded_bias')


def _enn() -> Any:
    return import_package('e2cnn.nn', 'a rotation-equivariant model (ReResNet, ReFPN)')


@cache
def _group() -> Any:
    _enn()
    return import_package('e2cnn.gspaces', 'a rotation-equivariant model').Rot2dOnR2(ORIENTATIONS)


def image_type(channels: int) -> Any:
    """Type of maps that a rotation only moves, as the colours of an image."""
    return _enn().FieldType(_group(), [_group().trivial_repr] * channels)


@cache
def map_type(channels: int) -> Any:
    """Type of maps whose channels, in groups of :data:`ORIENTATIONS`, a rotation also cycles."""
    if channels % ORIENTATIONS:
        raise ValueError(f'channels must be a multiple of {ORIENTATIONS}, got {channels}')
    return _enn().FieldType(_group(), [_group().regular_repr] * (channels // ORIENTATIONS))


def convolution(in_type: Any, out_channels: int, kernel_size: int, **kwargs: Any) -> nn.Module:
    """Equivariant convolution; stride, padding and bias as for ``Conv2d``."""
    conv = _enn().R2Conv(
        in_type,
        map_type(out_channels),
        kernel_size,
        sigma=None,
        frequencies_cutoff=lambda radius: 3 * radius,
        **kwargs,
    )
    conv.register_load_state_dict_post_hook(_derive)
    return conv


def _derive(conv: nn.Module, keys: Any) -> None:
    """Compute the filters of the loaded weights anew, whichever mode saved them."""
    for found in (keys.missing_keys, keys.unexpected_keys):
        found[:] = [key for key in found if not key.endswith(_DERIVED)]
    if not conv.training:
        conv.train()
        conv.eval()


class Relu(nn.Module):
    """Rectifies; every type of map may pass."""

    def forward(self, x: Any) -> Any:
        """Maps with their type -> the same."""
        return wrap(F.relu(x.tensor), x.type)


class MaxPool(nn.MaxPool2d):
    """Pools maps with a type."""

    def forward(self, x: Any) -> Any:
        """Maps with their type -> the same."""
        return wrap(super().forward(x.tensor), x.type)


def wrap(x: Tensor, kind: Any) -> Any:
    """Maps (N, C, H, W) with their type, as the layers here take them."""
    return _enn().GeometricTensor(x, kind)


def make_equivariant(module: nn.Module, in_type: Any) -> None:
    """Replace the layers of a ResNet, in place, by equivariant ones; ``in_type`` is the image's."""
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d):
            kind = in_type if child.in_channels == in_type.size else map_type(child.in_channels)
            args = dict(stride=child.stride[0], padding=child.padding[0], bias=False)
            setattr(
                module, name, convolution(kind, child.out_channels, child.kernel_size[0], **args)
            )
        elif isinstance(child, nn.BatchNorm2d):
            setattr(module, name, _enn().InnerBatchNorm(map_type(child.num_features)))
        elif isinstance(child, nn.ReLU):
            setattr(module, name, Relu())
        elif isinstance(child, nn.MaxPool2d):
            pool = MaxPool(child.kernel_size, stride=child.stride, padding=child.padding)
            setattr(module, name, pool)
        else:
            make_equivariant(child, in_type)
