"""Reading maps between their pixels, in plain PyTorch: what all sampling operations share."""

import torch
from torch import Tensor


def bilinear(x: Tensor, y: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """The four pixels around points, and how much each counts.

    A point up to one pixel outside of the map takes the value of the border; one further out, or
    not finite, reads nothing.

    Args:
        x: (...) in pixels of the map, 0 at the centre of the first column.
        y: (...), 0 at the centre of the first row.
        height: Of the map.
        width: Of the map.

    Returns:
        Pixels (..., 4), row * width + column, of int64, and weights (..., 4), which sum to 1 or 0.
    """
    inside = (x >= -1) & (x <= width) & (y >= -1) & (y <= height)
    zero = torch.zeros_like(x)
    x = torch.where(inside, x, zero).clamp(0, width - 1)
    y = torch.where(inside, y, zero).clamp(0, height - 1)
    x0, y0 = x.floor(), y.floor()
    x1, y1 = (x0 + 1).clamp(max=width - 1), (y0 + 1).clamp(max=height - 1)
    fx, fy = x - x0, y - y0
    pixels = [(row * width + col).long() for row in (y0, y1) for col in (x0, x1)]
    weights = [v * u * inside for v in (1 - fy, fy) for u in (1 - fx, fx)]
    return torch.stack(pixels, -1), torch.stack(weights, -1)
