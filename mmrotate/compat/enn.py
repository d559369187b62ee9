"""Layers of e2cnn under the names of MMRotate 0.3: fields of the regular representation of eighths of a turn.

``planes`` are channels, eight to a field, unless a function says otherwise.
"""

from functools import cache
from typing import Any

from mmrotate.models.equivariant import ORIENTATIONS
from mmrotate.utils.imports import import_package

_USER = 'mmrotate.models.utils.enn'


def _enn() -> Any:
    return import_package('e2cnn.nn', _USER)


@cache
def _space() -> Any:
    return import_package('e2cnn.gspaces', _USER).Rot2dOnR2(ORIENTATIONS)


def build_enn_feature(planes: int) -> Any:
    """Type of maps of as many fields as ``planes``."""
    return _enn().FieldType(_space(), planes * [_space().regular_repr])


def build_enn_divide_feature(planes: int) -> Any:
    """Type of maps of ``planes`` channels."""
    return build_enn_feature(planes // ORIENTATIONS)


def build_enn_trivial_feature(planes: int) -> Any:
    """Type of maps of ``planes`` channels that no turn changes, as an image's colours."""
    return _enn().FieldType(_space(), planes * [_space().trivial_repr])


def build_enn_norm_layer(num_features: int, postfix: int | str = '') -> tuple[str, Any]:
    """Name, ``bn`` and the postfix, and batch norm of ``num_features`` channels."""
    return f'bn{postfix}', _enn().InnerBatchNorm(build_enn_divide_feature(num_features))


def _conv(source: Any, outplanes: int, kernel_size: int, **kwargs: Any) -> Any:
    target = build_enn_divide_feature(outplanes)
    return _enn().R2Conv(source, target, kernel_size, sigma=None, frequencies_cutoff=lambda r: 3 * r, **kwargs)


def ennConv(
    inplanes: int,
    outplanes: int,
    kernel_size: int = 3,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
    bias: bool = False,
    dilation: int = 1,
) -> Any:
    """Convolution of maps."""
    shape = dict(stride=stride, padding=padding, groups=groups, bias=bias, dilation=dilation)
    return _conv(build_enn_divide_feature(inplanes), outplanes, kernel_size, **shape)


def ennTrivialConv(
    inplanes: int,
    outplanes: int,
    kernel_size: int = 3,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
    bias: bool = False,
    dilation: int = 1,
) -> Any:
    """Convolution of an image."""
    shape = dict(stride=stride, padding=padding, groups=groups, bias=bias, dilation=dilation)
    return _conv(build_enn_trivial_feature(inplanes), outplanes, kernel_size, **shape)


def ennReLU(inplanes: int) -> Any:
    """ReLU of maps."""
    return _enn().ReLU(build_enn_divide_feature(inplanes), inplace=False)


def ennAvgPool(
    inplanes: int, kernel_size: int = 1, stride: int | None = None, padding: int = 0, ceil_mode: bool = False
) -> Any:
    """Mean over windows."""
    shape = dict(stride=stride, padding=padding, ceil_mode=ceil_mode)
    return _enn().PointwiseAvgPool(build_enn_divide_feature(inplanes), kernel_size, **shape)


def ennMaxPool(inplanes: int, kernel_size: int, stride: int = 1, padding: int = 0) -> Any:
    """Largest of windows."""
    return _enn().PointwiseMaxPool(build_enn_divide_feature(inplanes), kernel_size, stride=stride, padding=padding)


def ennInterpolate(inplanes: int, scale_factor: int, mode: str = 'nearest', align_corners: bool = False) -> Any:
    """Maps enlarged by ``scale_factor``."""
    options = dict(mode=mode, align_corners=align_corners)
    return _enn().R2Upsampling(build_enn_divide_feature(inplanes), scale_factor, **options)
