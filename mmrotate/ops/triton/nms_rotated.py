"""Greedy non-maximum suppression of boxes in falling order of score, without the host.

Block by block: which boxes of the block suppress which (a mask of bits), which of them stay (one
program, 64 boxes at a time), and which later boxes the kept ones suppress. No pair is computed
whose winner is gone, and the memory does not grow with the square of the boxes. For the last step
boxes are in groups of neighbours, so that most groups are turned away by their bounds.
"""

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

from .geometry import ROUNDING, circles_meet, load_boxes, overlap, prepare, relative, shared_area

_BLOCK = 2048
_ROWS, _COLS = 16, 32


def nms_rotated(boxes: Tensor, labels: Tensor | None, threshold: float, clockwise: bool) -> Tensor:
    """Mask (n,) of the boxes to keep, of boxes (n, 5) in falling order of score."""
    n = len(boxes)
    table = prepare(boxes, clockwise)
    keep = boxes.new_ones(n, dtype=torch.uint8)
    if n == 0:
        return keep.bool()
    # a number on the device: Triton would make a plain one a float32
    limit = boxes.new_full((1,), threshold, dtype=torch.float64)
    classes = keep if labels is None else labels
    shared = (table, classes, limit, keep, n)
    block = min(max(triton.next_power_of_2(n), 64), _BLOCK)
    words = block // 64
    mask = boxes.new_empty(block, words, dtype=torch.int64)
    groups = _groups(table, block) if n > block else ()
    with torch.cuda.device_of(boxes):
        for start in range(0, n, block):
            flags = dict(LABELS=labels is not None, **ROUNDING)
            _mask[(triton.cdiv(min(block, n - start), _ROWS), words)](
                *shared, mask, start, WORDS=words, ROWS=_ROWS, **flags
            )
            _decide[(1,)](keep, mask, start, n, WORDS=words, num_warps=1, **ROUNDING)
            if start + block < n:
                _clear[(triton.cdiv(n, _COLS),)](*shared, *groups, start, BLOCK=block, ROWS=_ROWS, COLS=_COLS, **flags)
    return keep.bool()


def _groups(table: Tensor, block: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Neighbours among the boxes of each block and among all, and the bounds of their groups."""
    n = table.size(1)
    # about square groups: as many strips as there are groups in a strip
    strip = 1 << ((_ROWS * block).bit_length() - 1) // 2
    rows = _neighbours(table, block, strip)
    cols = _neighbours(table, n, math.isqrt(_COLS * n))
    return rows, _bounds(table, rows, _ROWS), cols, _bounds(table, cols, _COLS)


def _neighbours(table: Tensor, part: int, strip: int) -> Tensor:
    """Order (n,) of boxes: by part of the list, in strips along y, and along each strip.

    ``part`` and ``strip`` count boxes; a strip divides a part if there are several.
    """
    by_x, by_y = table[0].argsort(), table[1].argsort()
    by_x = by_x[(by_x // part).argsort(stable=True)]
    strips = torch.empty_like(by_x)
    strips[by_x] = torch.arange(len(by_x), device=by_x.device) // strip
    return by_y[strips[by_y].argsort(stable=True)]


def _bounds(table: Tensor, order: Tensor, size: int) -> Tensor:
    """Least x, y and -x, -y (4, groups) of groups of ``size`` boxes; infinite for no boxes."""
    x, y, radius = table[0, order], table[1, order], table[6, order]
    sides = torch.stack([x - radius, y - radius, -x - radius, -y - radius])
    sides = torch.where(radius >= 0, sides, math.inf)
    padded = torch.nn.functional.pad(sides, (0, -len(order) % size), value=math.inf)
    return padded.view(4, -1, size).amin(2)


@triton.jit
def _hits(table, labels, limit, i, j, n, candidates, LABELS: tl.constexpr):
    """Which of the candidate pairs of boxes i and j overlap more than the limit."""
    x, y, a, b, cos, sin, r = load_boxes(table, i, n)
    x2, y2, a2, b2, cos2, sin2, r2 = load_boxes(table, j, n)
    meets = circles_meet(x, y, r, x2, y2, r2) & candidates
    if LABELS:
        one, other = tl.load(labels + i, mask=i < n), tl.load(labels + j, mask=j < n)
        meets = meets & (one == other)
    hits = meets
    if tl.max(meets.to(tl.int32)) > 0:
        dx, dy, c, s = relative(x, y, cos, sin, x2, y2, cos2, sin2)
        shared = shared_area(dx, dy, c, s, a, b, a2, b2)
        value = overlap(shared, 4 * a * b, 4 * a2 * b2, False)
        hits = meets & (value > tl.load(limit))
    return hits


@triton.jit
def _mask(
    table, labels, limit, keep, n, mask, start,
    WORDS: tl.constexpr, ROWS: tl.constexpr, LABELS: tl.constexpr,
):  # fmt: skip
    """Bit j of row i: box i, better than box j of the block, suppresses it."""
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    word = tl.program_id(1)
    bits = tl.zeros((ROWS,), tl.int64)
    if (word + 1) * 64 > tl.program_id(0) * ROWS:  # else all its boxes are better
        for half in tl.static_range(2):
            col = half * 32 + tl.arange(0, 32)
            i, j = start + row[:, None], start + word * 64 + col[None, :]
            alive = tl.load(keep + i, mask=i < n, other=0) > 0
            hits = _hits(table, labels, limit, i, j, n, alive & (i < j), LABELS)
            ones = hits.to(tl.int64) << col[None, :].to(tl.int64)
            bits += tl.sum(ones, 1)
    tl.store(mask + row * WORDS + word, bits)


@triton.jit
def _decide(keep, mask, start, n, WORDS: tl.constexpr):
    """Clear ``keep`` of the boxes of a block that a kept one of the block suppresses."""
    lanes, row = tl.arange(0, WORDS), tl.arange(0, 64)
    gone = tl.zeros((WORDS,), tl.int64)
    for word in range(WORDS):
        index = start + word * 64 + row
        alive = tl.load(keep + index, mask=index < n, other=0).to(tl.int64)
        out = tl.sum(tl.where(lanes == word, gone, 0))
        out |= tl.sum((1 - alive) << row.to(tl.int64))
        for k in tl.static_range(64):
            bits = tl.load(mask + (word * 64 + k) * WORDS + word)
            out = tl.where(((out >> k) & 1) == 0, out | bits, out)
        stays = ((out >> row.to(tl.int64)) & 1) == 0
        tl.store(keep + index, stays.to(tl.uint8), mask=index < n)
        rows = tl.load(mask + (word * 64 + row[:, None]) * WORDS + lanes[None, :])
        gone |= tl.reduce(tl.where(stays[:, None], rows, 0), 0, _either)


@triton.jit
def _either(a, b):
    return a | b


@triton.jit
def _clear(
    table, labels, limit, keep, n, rows, row_bounds, cols, col_bounds, start,
    BLOCK: tl.constexpr, ROWS: tl.constexpr, COLS: tl.constexpr, LABELS: tl.constexpr,
):  # fmt: skip
    """Clear ``keep`` of the boxes after a block that a kept one of the block suppresses."""
    own = tl.program_id(0)
    place = own * COLS + tl.arange(0, COLS)
    j = tl.load(cols + place, mask=place < n, other=0)
    alive = (tl.load(keep + j) > 0) & (j >= start + BLOCK) & (place < n)
    later = alive
    GROUPS: tl.constexpr = BLOCK // ROWS
    groups = tl.arange(0, GROUPS)
    near = (groups < GROUPS) & (tl.max(alive.to(tl.int32)) > 0)
    for k in tl.static_range(4):
        least = tl.load(row_bounds + k * tl.cdiv(n, ROWS) + start // ROWS + groups)
        # the other side, of the other sign
        near = near & (least + tl.load(col_bounds + (k + 2) % 4 * tl.cdiv(n, COLS) + own) <= 0)
    group = tl.min(tl.where(near, groups, GROUPS))
    while group < GROUPS:
        i = tl.load(rows + start + group * ROWS + tl.arange(0, ROWS))[:, None]
        winner = tl.load(keep + i) > 0
        hits = _hits(table, labels, limit, i, j[None, :], n, winner & alive[None, :], LABELS)
        alive = alive & (tl.max(hits.to(tl.int32), 0) == 0)
        group = tl.min(tl.where(near & (groups > group), groups, GROUPS))
    tl.store(keep + j, alive.to(tl.uint8), mask=later)
