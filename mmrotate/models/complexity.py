"""How much a model computes."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
import torchvision  # noqa: F401  registers torch.ops.torchvision
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmrotate.ops import RoIAlignRotated  # noqa: F401  registers torch.ops.mmrotate.roi_align_rotated

Shape = Sequence[int]
_BILINEAR = 4  # multiply-adds of a value between four pixels
_USUAL_SAMPLES = 2  # along each side of a bin, where their number follows from the box


def count_operations(model: nn.Module, forward: Callable[[torch.Tensor], Any], shape: Shape) -> int:
    """Multiply-adds of ``forward``, on the weights of ``model``, for an image of ones (C, H, W) = ``shape``.

    Counted are convolutions (deformable ones too), matrix products, attention, and sampling between pixels (RoIAlign,
    rotated or not, and grids); not counted is what looks at each value once: activations, norms, sums, pooling.
    A multiplication and its addition are one operation, as in published figures: ResNet-50 has 4.1 billion at 224.
    """
    weight = next(model.parameters())
    image = torch.ones((1, *shape), dtype=weight.dtype, device=weight.device)
    counter = FlopCounterMode(display=False, custom_mapping=_formulas())
    with torch.no_grad(), counter:
        forward(image)
    return counter.get_total_flops() // 2


# the formulas get the shapes of tensors; they give floating point operations, two for a multiply-add


def _grid(*args: Any, out_shape: Shape, **kwargs: Any) -> int:
    return 2 * _BILINEAR * prod(out_shape)


def _roi_align_rotated(
    maps: Shape, rois: Shape, height: int, width: int, scale: float, ratio: int, *args: Any, out_shape: Shape
) -> int:
    return 2 * _BILINEAR * prod(out_shape) * (ratio or _USUAL_SAMPLES) ** 2


def _roi_align(
    maps: Shape, rois: Shape, scale: float, height: int, width: int, ratio: int, *args: Any, out_shape: Shape
) -> int:
    return 2 * _BILINEAR * prod(out_shape) * (ratio if ratio > 0 else _USUAL_SAMPLES) ** 2


def _deform_conv2d(maps: Shape, weight: Shape, *args: Any, out_shape: Shape) -> int:
    """The points of the kernel are sampled, then multiplied as those of any convolution."""
    count, _, height, width = out_shape
    sampled = count * maps[1] * prod(weight[2:]) * height * width
    return 2 * (_BILINEAR * sampled + prod(out_shape) * prod(weight[1:]))


def _formulas() -> dict[Any, Callable]:
    """What PyTorch's own table lacks."""
    return {
        torch.ops.aten.grid_sampler_2d: _grid,
        torch.ops.mmrotate.roi_align_rotated: _roi_align_rotated,
        torch.ops.torchvision.roi_align: _roi_align,
        torch.ops.torchvision.deform_conv2d: _deform_conv2d,
    }
