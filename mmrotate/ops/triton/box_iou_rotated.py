"""Overlaps of rotated boxes, pairwise and aligned."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from mmrotate.ops.geometry import table

from .geometry import ROUNDING, circles_meet, hull_area, load_boxes, overlap, prepare, relative, shared_area

_ROWS, _COLS = 16, 32


def box_iou_rotated(bboxes1: Tensor, bboxes2: Tensor, mode: str, aligned: bool, clockwise: bool) -> Tensor:
    """See :func:`mmrotate.ops.box_iou_rotated`: overlaps (n, m), or (n,) of aligned boxes."""
    n, m = len(bboxes1), len(bboxes2)
    out = table(bboxes1, bboxes2, mode, aligned)
    if out.numel() == 0:
        return out
    first, second = prepare(bboxes1, clockwise), prepare(bboxes2, clockwise)
    with torch.cuda.device_of(out):
        if aligned:
            _aligned[(triton.cdiv(n, 128),)](first, second, out, n, mode, BLOCK=128, **ROUNDING)
        else:
            # on one axis: CUDA allows others 65535 programs
            grid = (triton.cdiv(n, _ROWS) * triton.cdiv(m, _COLS),)
            _pairwise[grid](first, second, out, n, m, mode, ROWS=_ROWS, COLS=_COLS, **ROUNDING)
    return out


@triton.jit
def _compare(x, y, a, b, cos, sin, r, x2, y2, a2, b2, cos2, sin2, r2, mode: tl.constexpr):
    dx, dy, c, s = relative(x, y, cos, sin, x2, y2, cos2, sin2)
    shared = shared_area(dx, dy, c, s, a, b, a2, b2)
    area, area2 = 4 * a * b, 4 * a2 * b2
    value = overlap(shared, area, area2, mode == 'iof')
    if mode != 'giou':  # exactly 0, not the rounding of the shared area
        value = tl.where(circles_meet(x, y, r, x2, y2, r2), value, 0.0)
    else:
        good = (r >= 0) & (r2 >= 0)
        hull = tl.where(good, hull_area(dx, dy, c, s, a, b, a2, b2), 1.0)
        empty = tl.minimum(tl.maximum(1 - (area + area2 - shared) / hull, 0.0), 1.0)
        value = tl.where(good, value - empty, -1.0)
    return value


@triton.jit
def _pairwise(first, second, out, n, m, mode: tl.constexpr, ROWS: tl.constexpr, COLS: tl.constexpr):
    tile, tiles = tl.program_id(0), tl.cdiv(m, COLS)
    i = tile // tiles * ROWS + tl.arange(0, ROWS)[:, None]
    j = tile % tiles * COLS + tl.arange(0, COLS)[None, :]
    x, y, a, b, cos, sin, r = load_boxes(first, i, n)
    x2, y2, a2, b2, cos2, sin2, r2 = load_boxes(second, j, m)
    meets = circles_meet(x, y, r, x2, y2, r2)
    value = tl.zeros((ROWS, COLS), tl.float64)
    # most tiles hold no boxes that touch
    if (mode == 'giou') or (tl.max(meets.to(tl.int32)) > 0):
        value = _compare(x, y, a, b, cos, sin, r, x2, y2, a2, b2, cos2, sin2, r2, mode)
    place = i.to(tl.int64) * m + j
    tl.store(out + place, value.to(out.dtype.element_ty), mask=(i < n) & (j < m))


@triton.jit
def _aligned(first, second, out, n, mode: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x, y, a, b, cos, sin, r = load_boxes(first, i, n)
    x2, y2, a2, b2, cos2, sin2, r2 = load_boxes(second, i, n)
    value = _compare(x, y, a, b, cos, sin, r, x2, y2, a2, b2, cos2, sin2, r2, mode)
    tl.store(out + i, value.to(out.dtype.element_ty), mask=i < n)
