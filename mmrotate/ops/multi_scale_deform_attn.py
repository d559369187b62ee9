"""Attention to a few places of several maps."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def multi_scale_deformable_attn(
    value: Tensor, shapes: Sequence[tuple[int, int]], locations: Tensor, weights: Tensor
) -> Tensor:
    """Weighed means of what maps hold at places between their pixels (Zhu et al., Deformable DETR, ICLR 2021).

    Args:
        value: (N, S, heads, d), the pixels of all maps, one map behind the other, each row by row.
        shapes: Height and width of each of the L maps; the products sum up to S.
        locations: (N, Q, heads, L, P, 2), x and y as shares of the map's width and height; outside of [0, 1] a map
            is 0.
        weights: (N, Q, heads, L, P).

    Returns:
        (N, Q, heads * d), in the type of ``locations``.
    """
    count, _, heads, width = value.shape
    # (N * heads, d, S) and (L, N * heads, Q, P, ...)
    values = value.to(locations.dtype).permute(0, 2, 3, 1).flatten(0, 1)
    places = (2 * locations - 1).permute(3, 0, 2, 1, 4, 5).flatten(1, 2)
    shares = weights.to(locations.dtype).permute(3, 0, 2, 1, 4).flatten(1, 2)
    total: Tensor = values.new_zeros(count * heads, width, locations.size(1))
    pixels = values.split([h * w for h, w in shapes], 2)
    for level, shape, grid, share in zip(pixels, shapes, places, shares, strict=True):
        found = F.grid_sample(level.unflatten(2, shape), grid, align_corners=False)
        total = total + torch.einsum('bdqp,bqp->bdq', found, share)
    return total.view(count, heads * width, -1).transpose(1, 2)
