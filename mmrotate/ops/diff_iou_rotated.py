"""Overlaps of pairs of rotated boxes with their true gradient."""

from typing import Any

import torch
from torch import Tensor

from .backend import compute_dtype, operation
from .box_iou_rotated import box_iou_rotated
from .checks import check_boxes, check_tensor
from .geometry import relative, valid_boxes, wide

# turns and gaps, relative to sides, that float64 does not tell from none: the cosine of pi / 2 is no 0
_ROUNDING = 1e-12


def diff_iou_rotated_2d(box1: Tensor, box2: Tensor) -> Tensor:
    """Intersection over union of pairs of boxes, with gradient to all parameters of both.

    The gradient is closed: the shared area grows with an edge of a box by as much as of that edge lies inside the
    other. Where two edges coincide each counts half, so equal boxes, whose overlap is the largest there is, have
    gradient 0 (Zhou et al., IoU Loss for 2D/3D Object Detection, 3DV 2019, has the loss).

    Args:
        box1: (..., 5) as x, y, w, h in pixels, theta in radians, clockwise on the screen.
        box2: (..., 5) of the same shape.

    Returns:
        (...) in [0, 1]; 0 and without gradient for boxes that share nothing, have no area or are
        not finite. float64 for float64 boxes, else float32.

    Raises:
        ValueError: a shape or type that makes no sense.
    """
    check_tensor('box1', box1)
    check_tensor('box2', box2)
    if box1.shape != box2.shape or box1.dim() < 2:
        raise ValueError(
            f'box1 and box2 must have one shape (..., n, 5), got {tuple(box1.shape)} and {tuple(box2.shape)}'
        )
    first, second = box1.flatten(0, -2), box2.flatten(0, -2)
    check_boxes('box1', first)
    check_boxes('box2', second)
    dtype = compute_dtype(first, second)
    return _op(first.to(dtype), second.to(dtype)).view(box1.shape[:-1])


@operation('diff_iou_rotated_2d', lambda box1, box2: box1.new_empty(box1.size(0)))
def _op(box1: Tensor, box2: Tensor) -> Tensor:
    return box_iou_rotated(box1, box2, aligned=True)


@operation('diff_iou_rotated_2d_backward', lambda grad, *boxes: tuple(map(torch.empty_like, boxes[:2])))
def _backward_op(grad: Tensor, box1: Tensor, box2: Tensor, overlap: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients (n, 5) of both boxes for a gradient (n,) of their overlaps."""
    first, second, iou = wide(box1), wide(box2), wide(overlap)[:, None]
    good = (valid_boxes(first) & valid_boxes(second))[:, None] & (iou > 0)
    unit = first.new_tensor([0, 0, 1, 1, 0])
    first, second = torch.where(good, first, unit), torch.where(good, second, unit)
    union = (first[:, 2:4].prod(1) + second[:, 2:4].prod(1))[:, None] / (1 + iou)

    def gradient(box: Tensor, other: Tensor) -> Tensor:
        own = torch.zeros_like(box)
        own[:, 2:4] = box[:, [3, 2]]
        change = ((1 + iou) * _shared_area_gradient(box, other) - iou * own) / union
        return torch.where(good, change * wide(grad)[:, None], 0).to(grad.dtype)

    return gradient(first, second), gradient(second, first)


def _shared_area_gradient(boxes: Tensor, others: Tensor) -> Tensor:
    """Gradient (n, 5) to ``boxes`` of the area that they share with ``others``, pair by pair."""
    w, h, theta = boxes[:, 2:].unbind(1)
    x, y, c, s = relative(others, boxes)
    # the edges by their outer normals, in the frame of the other box
    nx, ny = torch.stack([c, -s, -c, s]), torch.stack([s, c, -s, -c])
    distance, half = torch.stack([w, h, w, h]) / 2, torch.stack([h, w, h, w]) / 2
    low_x, high_x, share_x = _within(x + distance * nx, -ny, others[:, 2] / 2)
    low_y, high_y, share_y = _within(y + distance * ny, nx, others[:, 3] / 2)
    # the part inside, from the middle of the edge
    low = torch.maximum(low_x, low_y).clamp(-half, half)
    high = torch.minimum(high_x, high_y).clamp(-half, half)
    length = (high - low).clamp(min=0) * share_x * share_y
    right, down, left, up = length
    across, along = right - left, down - up
    cos, sin = theta.cos(), theta.sin()
    spin = -(length * (low + high)).sum(0) / 2
    parts = across * cos - along * sin, across * sin + along * cos
    return torch.stack([*parts, (right + left) / 2, (down + up) / 2, spin], 1)


def _within(start: Tensor, slope: Tensor, limit: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where the line ``start + slope * t`` lies within ``[-limit, limit]``: from t, to t, share.

    The share is 0 for a line that runs outside, and 1/2 for one that runs along a limit.
    """
    level = slope.abs() <= _ROUNDING
    safe = torch.where(level, 1, slope)
    ends = (-limit - start) / safe, (limit - start) / safe
    low = torch.where(level, -torch.inf, torch.minimum(*ends))
    high = torch.where(level, torch.inf, torch.maximum(*ends))
    gap = limit - start.abs()
    inside = torch.where(gap.abs() <= _ROUNDING * (limit + start.abs()), 0.5, (gap > 0).to(gap.dtype))
    return low, high, torch.where(level, inside, 1)


def _setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
    ctx.save_for_backward(*inputs, output)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
    return _backward_op(grad, *ctx.saved_tensors)


_op.register_autograd(_backward, setup_context=_setup_context)
