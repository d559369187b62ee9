"""Where the samples of rotated regions lie on their maps, for RoIAlign in plain PyTorch and in Triton.

A region may be far larger than its map, so that it has more samples than can ever be visited. The corners of the map,
told along the sides of the region, bound the rows and columns of samples that may lie on it; the others read nothing
and cost nothing.
"""

from collections import namedtuple
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from .geometry import wide_outside_graphs

# samples held at once
_CHUNK = 200_000
# samples of a cell beyond which only those on the map are listed
_MANY = 4096
# rounding of a place, relative to the centre and the sides of its region
_SLACK = 1e-14
# in the order in which the operations and the C++ functions take them
Settings = namedtuple('Settings', 'out_h out_w scale sampling aligned clockwise')


class Regions(NamedTuple):
    """Regions (n,) in pixels of the map, whose centres lie at whole numbers; of float64 but the first.

    ``rows`` and ``cols`` are the samples of a cell in each direction, 0 where the region is not finite. Of all rows of
    samples of a region those from ``top`` to before ``bottom`` may lie on the map, and of all columns those from
    ``left`` to before ``right``.
    """

    image: Tensor
    x: Tensor
    y: Tensor
    w: Tensor
    h: Tensor
    cos: Tensor
    sin: Tensor
    rows: Tensor
    cols: Tensor
    top: Tensor
    bottom: Tensor
    left: Tensor
    right: Tensor


def regions(rois: Tensor, height: int, width: int, settings: Settings) -> Regions:
    """Regions (n, 6) as they are given, on maps of this size."""
    out_h, out_w, scale, sampling, aligned, clockwise = settings
    rois = wide_outside_graphs(rois)
    good = (rois.isfinite() & (rois * scale).isfinite()).all(1)
    image, x, y, w, h, theta = torch.where(good[:, None], rois, 0).T
    x, y, w, h = (t * scale for t in (x, y, w, h))
    if aligned:
        x, y = x - 0.5, y - 0.5
    else:
        w, h = w.clamp(min=1), h.clamp(min=1)
    cos, sin = theta.cos(), (theta if clockwise else -theta).sin()
    rows, cols = (
        torch.where(good, sampling if sampling > 0 else (side / cells).ceil().clamp(0, 1e9), 0.0)
        for side, cells in ((h, out_h), (w, out_w))
    )
    lows, highs = _map_from(x, y, w, h, height, width)
    corners = [(dx, dy) for dx in (lows[0], highs[0]) for dy in (lows[1], highs[1])]
    along = torch.stack([dx * cos + dy * sin for dx, dy in corners])
    across = torch.stack([dy * cos - dx * sin for dx, dy in corners])
    top, bottom = _between(across.amin(0), across.amax(0), h, out_h * rows)
    left, right = _between(along.amin(0), along.amax(0), w, out_w * cols)
    return Regions(image.long(), x, y, w, h, cos, sin, rows, cols, top, bottom, left, right)


def _map_from(
    x: Tensor, y: Tensor, w: Tensor, h: Tensor, height: int, width: int
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Least and greatest x and y of points that read the map, from the centres of regions."""
    slack = _SLACK * (x.abs() + y.abs() + w.abs() + h.abs())
    return (-1 - slack - x, -1 - slack - y), (width + slack - x, height + slack - y)


def _between(low: Tensor, high: Tensor, side: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Of ``count`` samples along a side those between two places, told from its middle: from, and to before.

    One more at both ends for what rounding may do.
    """
    level = side == 0
    ends = [(place / torch.where(level, 1, side) + 0.5) * count - 0.5 for place in (low, high)]
    first, last = torch.where(level, 0, torch.minimum(*ends) - 1), torch.where(level, count, torch.maximum(*ends) + 2)
    first, last = (at.nan_to_num(0).clamp(min=0).minimum(count).floor() for at in (first, last))
    return first, last


def samples(rois: Tensor, height: int, width: int, settings: Settings) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Which cell (k,) of all regions reads which pixel (k,) of all maps, and its weight (k, 1), in parts."""
    found = regions(rois, height, width, settings)
    counts = torch.stack([found.rows, found.cols], 1)
    many = counts.prod(1) > _MANY
    for i in many.nonzero().squeeze(1).tolist():
        yield from _on_map(i, Regions(*(field[i] for field in found)), height, width, settings)
    for rows, cols in counts[~many].long().unique(dim=0).tolist():
        if rows * cols == 0:
            continue
        index = (counts == counts.new_tensor([rows, cols])).all(1).nonzero().squeeze(1)
        for part in index.split(max(_CHUNK // (settings.out_h * settings.out_w * rows * cols), 1)):
            yield from _grids(part, Regions(*(field[part] for field in found)), (rows, cols), (height, width), settings)


def fixed_samples(rois: Tensor, height: int, width: int, settings: Settings) -> Iterator[tuple[Tensor, Tensor]]:
    """For each sample of a cell in turn, the pixel that each cell of all regions reads, and its weight, as above.

    Raises:
        ValueError: ``sampling`` is 0: cells have their own numbers of samples.
    """
    if settings.sampling == 0:
        raise ValueError('a graph needs a fixed number of samples of a cell: sampling_ratio must be above 0, e.g. 2')
    found = regions(rois, height, width, settings)
    index = torch.arange(rois.size(0), device=rois.device)
    finite = (found.rows > 0)[:, None].expand(-1, settings.out_h * settings.out_w).reshape(-1, 1)
    for _, pixel, weight in _grids(index, found, (settings.sampling, settings.sampling), (height, width), settings):
        yield pixel, weight * finite


def _grids(
    index: Tensor, found: Regions, counts: tuple[int, int], size: tuple[int, int], settings: Settings
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """All samples of regions that have equally many, four pixels of one sample of each cell at a time."""
    (rows, cols), (out_h, out_w) = counts, settings[:2]
    device, dtype = found.x.device, found.x.dtype

    def steps(count: int) -> Tensor:
        return (torch.arange(count, device=device, dtype=dtype) + 0.5) / count - 0.5

    x, y, w, h, cos, sin = (field.view(-1, 1, 1, 1, 1) for field in found[1:7])
    v = h * steps(out_h * rows).view(1, out_h, 1, rows, 1)
    u = w * steps(out_w * cols).view(1, 1, out_w, 1, cols)
    at, weight = bilinear(x + u * cos - v * sin, y + u * sin + v * cos, *size)
    at = (at + found.image.view(-1, 1, 1, 1, 1, 1) * (size[0] * size[1])).flatten(1, 2).flatten(2)
    weight = weight.flatten(1, 2).flatten(2) / (rows * cols)
    cells = out_h * out_w
    cell = (index[:, None] * cells + torch.arange(cells, device=device)).flatten()
    for pixel, share in zip(at.unbind(2), weight.unbind(2), strict=True):
        yield cell, pixel.flatten(), share.flatten()[:, None]


def _on_map(
    index: int, region: Regions, height: int, width: int, settings: Settings
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """The samples of one region that may lie on its map, row by row of samples, with all four pixels."""
    x, y, w, h, cos, sin, rows, cols, top, bottom, left, right = region[1:]
    row = torch.arange(int(top), int(bottom), device=x.device)
    v = h * ((row.to(h.dtype) + 0.5) / (settings.out_h * rows) - 0.5)
    lows, highs = _map_from(x, y, w, h, height, width)
    xs = torch.stack([low + v * sin for low in (lows[0], highs[0])]) / cos
    ys = torch.stack([low - v * cos for low in (lows[1], highs[1])]) / sin
    low, high = torch.maximum(xs.amin(0), ys.amin(0)), torch.minimum(xs.amax(0), ys.amax(0))
    first, last = _between(low, high, w, settings.out_w * cols)
    first, last = first.maximum(left).long(), last.minimum(right).long()
    length = (last - first).clamp(min=0)
    step = max(_CHUNK // 4 // max(int(length.max()) if len(length) else 0, 1), 1)
    for part in torch.arange(len(row), device=x.device).split(step):
        here = part.repeat_interleave(length[part])
        before = (length[part].cumsum(0) - length[part]).repeat_interleave(length[part])
        column = first[here] + torch.arange(len(here), device=x.device) - before
        u = w * ((column.to(w.dtype) + 0.5) / (settings.out_w * cols) - 0.5)
        at, weight = bilinear(x + u * cos - v[here] * sin, y + u * sin + v[here] * cos, height, width)
        cell = (row[here] // rows.long()) * settings.out_w + column // cols.long()
        cell = cell + index * settings.out_h * settings.out_w
        at = at + region.image * height * width
        yield cell.repeat_interleave(4), at.flatten(), (weight / (rows * cols)).flatten()[:, None]


def bilinear(x: Tensor, y: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Four pixels (..., 4) around points, row * width + column, of int64, and how much each counts (..., 4).

    Coordinates (...) are 0 at the centre of the first pixel. A point up to one pixel outside of the map takes the value
    of the border; one further out, or not finite, reads nothing: its weights are 0.
    """
    inside = (x >= -1) & (x <= width) & (y >= -1) & (y <= height)
    x = torch.where(inside, x, 0).clamp(0, width - 1)
    y = torch.where(inside, y, 0).clamp(0, height - 1)
    x0, y0 = x.floor(), y.floor()
    x1, y1 = (x0 + 1).clamp(max=width - 1), (y0 + 1).clamp(max=height - 1)
    fx, fy = x - x0, y - y0
    pixels = [(row * width + col).long() for row in (y0, y1) for col in (x0, x1)]
    weights = [v * u * inside for v in (1 - fy, fy) for u in (1 - fx, fx)]
    return torch.stack(pixels, -1), torch.stack(weights, -1)
