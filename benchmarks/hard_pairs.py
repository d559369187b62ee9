"""Pairs of boxes that are hard to compare, many at once."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

Pairs = tuple[Tensor, Tensor]
# where the angles of oc, le90 and le135 begin and end
ENDS = torch.tensor([0, 1 / 4, -1 / 4, 1 / 2, -1 / 2, 3 / 4, 1, -1]).double() * math.pi


def spread(count: int, size: float, low: float = 5, high: float = 60) -> Tensor:
    """Boxes (count, 5) of float64 over a square, the logarithms of their sides spread evenly."""
    u = torch.rand(count, 5, dtype=torch.float64)
    sides = low * (high / low) ** u[:, 2:4]
    return torch.cat([u[:, :2] * size, sides, (u[:, 4:] - 0.5) * 2 * math.pi], 1)


def moved(boxes: Tensor, along: Tensor | float, across: Tensor | float) -> Tensor:
    """Boxes moved by shares of their own sides."""
    cos, sin = boxes[:, 4].cos(), boxes[:, 4].sin()
    u, v = boxes[:, 2] * along, boxes[:, 3] * across
    centre = boxes[:, :2] + torch.stack([u * cos - v * sin, u * sin + v * cos], 1)
    return torch.cat([centre, boxes[:, 2:]], 1)


def random_pairs(count: int) -> Pairs:
    """Sides of 1 to 300 pixels; about half of the pairs share something."""
    return spread(count, 100, 1, 300), spread(count, 100, 1, 300)


def identical(count: int) -> Pairs:
    """The same box twice, also written with its sides swapped or half a turn further."""
    boxes = spread(count, 1000, 1, 300)
    turned = boxes[:, [0, 1, 3, 2, 4]]
    turned[:, 4] += math.pi / 2
    half = boxes + boxes.new_tensor([0, 0, 0, 0, math.pi])
    kind = torch.arange(count)[:, None] % 3
    return boxes, torch.where(kind == 0, boxes, torch.where(kind == 1, turned, half))


def nearly_identical(count: int) -> Pairs:
    """Boxes that differ by 1e-9 to 1e-3 of their sides."""
    boxes = spread(count, 1000, 1, 300)
    change = 10 ** (-9 + 6 * torch.rand(count, 1).double()) * (torch.rand(count, 5) * 2 - 1)
    scale = torch.cat([boxes[:, [2, 3, 2, 3]], torch.ones(count, 1)], 1)
    return boxes, boxes + change * scale


def touching_edges(count: int) -> Pairs:
    """Boxes side by side."""
    boxes = spread(count, 1000, 1, 300)
    return boxes, moved(boxes, 1.0, torch.rand(count).double() - 0.5)


def touching_corners(count: int) -> Pairs:
    """Boxes corner to corner."""
    boxes = spread(count, 1000, 1, 300)
    return boxes, moved(boxes, 1.0, 1.0)


def contained(count: int) -> Pairs:
    """A box in another, some of them along an edge of it."""
    boxes = spread(count, 1000, 1, 300)
    inner = boxes.clone()
    inner[:, 2:4] *= 0.5
    along = torch.rand(count).double() * 0.5 - 0.25
    inner[:, :2] = moved(boxes, along, torch.arange(count) % 2 * 0.25)[:, :2]
    return boxes, inner


def needles(count: int) -> Pairs:
    """Sides of 1 to 1000, crossing or all but parallel."""
    boxes = spread(count, 20, 50, 500)
    boxes[:, 3] = boxes[:, 2] / 1000
    others = boxes[torch.randperm(count)].clone()
    parallel = torch.arange(count) % 2 == 0
    others[parallel] = moved(boxes, torch.rand(count) - 0.5, torch.rand(count) - 0.5)[parallel]
    others[parallel, 4] += 1e-3 * (torch.rand(int(parallel.sum())).double() - 0.5)
    return boxes, others


def of_side(side: float) -> Callable[[int], Pairs]:
    """Boxes of about this side."""

    def draw(count: int) -> Pairs:
        return tuple(spread(count, side, side / 2, side * 2) for _ in range(2))  # type: ignore

    return draw


def huge_and_small(count: int) -> Pairs:
    """A box of side 1e5 and one of a few pixels."""
    return spread(count, 1e5, 5e4, 2e5), spread(count, 1e5, 1, 100)


def far_away(count: int) -> Pairs:
    """Boxes about (1e6, 1e6)."""
    offset = torch.tensor([1e6, 1e6, 0, 0, 0])
    return spread(count, 100) + offset, spread(count, 100) + offset


def ends_of_ranges(count: int) -> Pairs:
    """Angles at the ends of the ranges and a breath beside them."""
    pairs = spread(count, 60), spread(count, 60)
    for boxes in pairs:
        beside = torch.randint(-1, 2, (count,)) * torch.tensor([0, 1e-16, 1e-7])[torch.randint(3, (count,))]
        boxes[:, 4] = ENDS[torch.randint(len(ENDS), (count,))] + beside
    pairs[1][: count // 2, :4] = pairs[0][: count // 2, :4]
    return pairs


def not_finite(count: int) -> Pairs:
    """One number of one box is NaN or infinite, or a side is 0 or negative: overlap 0."""
    boxes = spread(count, 1000)
    broken = boxes.clone()
    rows = torch.arange(count)
    values = boxes.new_tensor([math.nan, math.inf, -math.inf])
    broken[rows, rows % 5] = values[rows % 3]
    sides = rows % 4 == 0
    broken[rows[sides], 2 + rows[sides] // 4 % 2] = boxes.new_tensor([0, -5])[rows[sides] // 8 % 2]
    return boxes, broken


FAMILIES: dict[str, Callable[[int], Pairs]] = {
    'identical': identical,
    'nearly identical': nearly_identical,
    'touching at an edge': touching_edges,
    'touching at a corner': touching_corners,
    'contained': contained,
    'needles 1:1000': needles,
    'sides of 1e-3': of_side(1e-3),
    'sides of 1e5': of_side(1e5),
    'side 1e5 and a few pixels': huge_and_small,
    '1e6 pixels away': far_away,
    'angles at the ends of ranges': ends_of_ranges,
}
