"""Averages of bilinear samples in the cells of rotated regions, forward and backward."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from mmrotate.ops.roi_samples import Regions

from .geometry import ROUNDING

# cells and channels of a program: what fits its registers
_CELLS, _CHANNELS = 64, 32


def roi_align_rotated(maps: Tensor, regions: Regions, output_size: tuple[int, int]) -> Tensor:
    """Features (n, C, h, w) of maps (N, C, H, W) of float32 or float64; see :func:`mmrotate.ops.roi_align_rotated`."""
    out = maps.new_empty(len(regions.x), maps.size(1), *output_size)
    # channels last: a sample then reads whole lines of memory
    last = maps.permute(0, 2, 3, 1).contiguous()
    _launch(last, out, regions, backward=False)
    return out


def roi_align_rotated_backward(grad: Tensor, regions: Regions, shape: tuple[int, int, int, int]) -> Tensor:
    """Gradient (N, C, H, W) of the maps for a gradient (n, C, h, w) of the features.

    Sums are atomic, so their rounding differs between runs.
    """
    count, channels, height, width = shape
    out = grad.new_zeros(count, height, width, channels)
    _launch(out, grad.contiguous(), regions, backward=True)
    return out.permute(0, 3, 1, 2).contiguous()


def _launch(maps: Tensor, features: Tensor, regions: Regions, backward: bool) -> None:
    count, height, width, channels = maps.shape
    out_h, out_w = features.shape[2:]
    if features.numel() == 0:
        return
    good = (regions.image >= 0) & (regions.image < count)
    # samples from nowhere to nowhere
    table = torch.where(good[:, None], torch.stack(regions, 1), 0).contiguous()
    cells = min(triton.next_power_of_2(out_h * out_w), _CELLS)
    grid = (len(table), triton.cdiv(channels, _CHANNELS), triton.cdiv(out_h * out_w, cells))
    with torch.cuda.device_of(maps):
        _kernel[grid](
            maps, features, table, height, width, channels, out_h, out_w,
            CELLS=cells, CHANNELS=_CHANNELS, BACKWARD=backward, **ROUNDING,
        )  # fmt: skip


@triton.jit
def _corner(maps, pixel, weight, channel, channels, value, inside, BACKWARD: tl.constexpr):
    """One of the four pixels of a sample: read it into ``value``, or add ``value`` to it."""
    place = maps + (pixel * channels)[:, None] + channel[None, :]
    if BACKWARD:
        tl.atomic_add(place, value * weight[:, None], mask=inside, sem='relaxed')
    else:
        value += weight[:, None] * tl.load(place, mask=inside, other=0.0)
    return value


@triton.jit
def _longest(first, last):
    """The number of steps of the cell that has most of them."""
    return tl.max(tl.maximum(last - first, 0.0), 0).to(tl.int64)


@triton.jit
def _kernel(
    maps, features, table, height, width, channels, out_h, out_w,
    CELLS: tl.constexpr, CHANNELS: tl.constexpr, BACKWARD: tl.constexpr,
):  # fmt: skip
    roi = tl.program_id(0)
    channel = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    cell = tl.program_id(2) * CELLS + tl.arange(0, CELLS)
    fields = table + roi * 13  # of Regions, in order
    image, x, y = tl.load(fields), tl.load(fields + 1), tl.load(fields + 2)
    w, h, cos, sin = tl.load(fields + 3), tl.load(fields + 4), tl.load(fields + 5), tl.load(fields + 6)
    rows, cols = tl.load(fields + 7), tl.load(fields + 8)
    base = image.to(tl.int64) * height * width
    used = (cell < out_h * out_w)[:, None] & (channel < channels)[None, :]
    place = features + (roi.to(tl.int64) * channels + channel)[None, :] * (out_h * out_w)
    place += cell[:, None]
    dtype: tl.constexpr = features.dtype.element_ty
    value = tl.zeros((CELLS, CHANNELS), dtype)
    if BACKWARD:
        value = tl.load(place, mask=used, other=0.0)
    norm = 1.0 / tl.maximum(rows * cols, 1.0)
    # rows and columns before the cell's first, and those of its samples that may lie on the map
    above, before = (cell // out_w).to(tl.float64) * rows, (cell % out_w).to(tl.float64) * cols
    top, bottom = tl.maximum(tl.load(fields + 9), above), tl.minimum(tl.load(fields + 10), above + rows)
    left, right = tl.maximum(tl.load(fields + 11), before), tl.minimum(tl.load(fields + 12), before + cols)
    for i in range(_longest(top, bottom)):
        v = h * ((top + i + 0.5) / (out_h * rows) - 0.5)
        for j in range(_longest(left, right)):
            u = w * ((left + j + 0.5) / (out_w * cols) - 0.5)
            sx, sy = x + u * cos - v * sin, y + u * sin + v * cos
            near = (sy >= -1) & (sy <= height) & (sx >= -1) & (sx <= width)
            near = near & (top + i < bottom) & (left + j < right)
            sx, sy = tl.where(near & (sx > 0), sx, 0.0), tl.where(near & (sy > 0), sy, 0.0)
            x0, y0 = tl.minimum(sx.to(tl.int32), width - 1), tl.minimum(sy.to(tl.int32), height - 1)
            x1, y1 = tl.minimum(x0 + 1, width - 1), tl.minimum(y0 + 1, height - 1)
            fx = tl.where(x1 > x0, sx - x0, 0.0)
            fy = tl.where(y1 > y0, sy - y0, 0.0)
            inside = used & near[:, None]
            top_row, bottom_row = base + y0 * width, base + y1 * width
            w00, w01 = ((1 - fy) * (1 - fx) * norm).to(dtype), ((1 - fy) * fx * norm).to(dtype)
            w10, w11 = (fy * (1 - fx) * norm).to(dtype), (fy * fx * norm).to(dtype)
            value = _corner(maps, top_row + x0, w00, channel, channels, value, inside, BACKWARD)
            value = _corner(maps, top_row + x1, w01, channel, channels, value, inside, BACKWARD)
            value = _corner(maps, bottom_row + x0, w10, channel, channels, value, inside, BACKWARD)
            value = _corner(maps, bottom_row + x1, w11, channel, channels, value, inside, BACKWARD)
    if not BACKWARD:
        tl.store(place, value, mask=used)
