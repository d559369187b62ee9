"""Features taken from where each position's box lies."""

import torch
from torch import Tensor
from torch.nn import functional as F

from .backend import compute_dtype
from .checks import check_choice, check_floating, check_maps, check_positive

# corners in units of half the sides; the centre comes first
_POINTS = {1: ((0, 0),), 5: ((0, 0), (1, 1), (-1, 1), (-1, -1), (1, -1))}


def rotated_feature_align(
    features: Tensor, best_rbboxes: Tensor, spatial_scale: float = 1 / 8, points: int = 1
) -> Tensor:
    """Add to each position the features at the points of its box (Yang et al., R3Det, AAAI 2021).

    Differentiable to ``features``. The centre (x, y) is read at row x and column y of the map: the
    published models were trained so, and hold their features transposed to it.

    Args:
        features: Maps (N, C, H, W).
        best_rbboxes: (N, H, W, 5) or its rows (N * H * W, 5): the box of each position as x, y, w,
            h in pixels of the image and theta in radians. One that is not finite adds nothing.
        spatial_scale: Pixels of the map per pixel of the image.
        points: 1 for the centre, 5 for the centre and the corners.

    Returns:
        (N, C, H, W), the features plus one bilinear sample per point. A point up to one pixel
        outside of the map takes the value of the border, one further out 0.

    Raises:
        ValueError: a shape, type or number of points that makes no sense.
    """
    check_maps('features', features)
    check_floating('best_rbboxes', best_rbboxes)
    check_positive('spatial_scale', spatial_scale)
    check_choice('points', points, tuple(_POINTS))
    count, _, height, width = features.shape
    if not best_rbboxes.dim() or best_rbboxes.size(-1) != 5 or best_rbboxes.numel() != count * height * width * 5:
        raise ValueError(f'best_rbboxes must have shape {(count, height, width, 5)}, got {tuple(best_rbboxes.shape)}')
    out = maps = features.to(compute_dtype(features))
    boxes = best_rbboxes.detach().to(maps.dtype).reshape(count, height, width, 5)
    if maps.numel():
        y, x, w, h = (boxes[..., :4] * spatial_scale).unbind(-1)
        cos, sin = boxes[..., 4].cos() / 2, boxes[..., 4].sin() / 2
        for u, v in _POINTS[points]:
            out = out + _read(maps, x + u * w * cos - v * h * sin, y + u * w * sin + v * h * cos)
    return out.to(features.dtype)


def _read(maps: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Bilinear samples (N, C, H, W) of maps at columns and rows (N, H, W)."""
    height, width = maps.shape[-2:]
    inside = (x >= -1) & (x <= width) & (y >= -1) & (y <= height)
    places = (torch.where(inside, at, 0) * (2 / max(side - 1, 1)) - 1 for at, side in ((x, width), (y, height)))
    grid = torch.stack(list(places), -1)
    found = F.grid_sample(maps, grid, padding_mode='border', align_corners=True)
    return found * inside[:, None]
