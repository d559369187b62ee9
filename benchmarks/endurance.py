"""Calls of every operation on boxes of all kinds and random counts: no crash, no leak.

Run it as ``python -m benchmarks.endurance --calls 100000``; prints what memory was before and
after as JSON, and fails if more is held at the end than ``--limit`` MB.
"""

import argparse
import ctypes
import gc
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.hard_pairs import FAMILIES, not_finite, spread
from mmrotate import ops

KINDS = [lambda count: (spread(count, 100), spread(count, 100)), not_finite, *FAMILIES.values()]


def draw(limit: int) -> tuple[Tensor, Tensor]:
    """Two lists of boxes of one length, now and then empty."""
    count = int(torch.randint(0, limit, ())) * int(torch.rand(()) > 0.05)
    kind = KINDS[int(torch.randint(len(KINDS), ()))]
    dtype = torch.float32 if torch.rand(()) < 0.7 else torch.float64
    first, second = (boxes.to(dtype) for boxes in kind(count))
    return first, second


def overlaps(first: Tensor, second: Tensor) -> None:
    """Pairwise and aligned."""
    ops.box_iou_rotated(first, second[: len(second) // 2])
    ops.box_iou_rotated(first, second, 'iof', aligned=True)


def suppression(first: Tensor, second: Tensor) -> None:
    """With and without labels; scores hold NaN where the boxes do."""
    labels = torch.arange(len(first)) % 3
    ops.nms_rotated(first, second[:, 0], 0.3)
    ops.batched_nms_rotated(second, first[:, 0], labels, 0.1)
    ops.soft_nms_rotated(first[:20], torch.rand(len(first[:20])), method='gaussian')


def gradients(first: Tensor, second: Tensor) -> None:
    """Of overlaps and of distances."""
    leaf = second.clone().requires_grad_()
    points = ops.chamfer_distance(first[None, :, :2], leaf[None, :, :2])[0]
    (ops.diff_iou_rotated_2d(first, leaf).sum() + points.sum()).backward()


def regions(first: Tensor, second: Tensor) -> None:
    """RoIAlign forward and backward, of vast regions too."""
    height, width = torch.randint(0, 40, (2,)).tolist()
    maps = torch.rand(2, 3, height, width, dtype=first.dtype, requires_grad=True)
    index = torch.randint(0, 2, (len(second), 1))
    rois = torch.cat([index, second], 1)
    ops.roi_align_rotated(maps, rois, 3, 0.25, int(torch.randint(0, 3, ()))).sum().backward()
    ops.riroi_align_rotated(maps, rois, 2, 0.25, 2, 3).sum().backward()


OPERATIONS: list[tuple[Callable[[Tensor, Tensor], None], int]] = [
    (overlaps, 300),
    (suppression, 300),
    (gradients, 200),
    (regions, 60),
]


def held() -> float:
    """MB that the process holds, without what the allocator keeps for later."""
    gc.collect()
    if trim := getattr(ctypes.CDLL(None), 'malloc_trim', None):  # glibc has it
        trim(0)
    return int(Path('/proc/self/statm').read_text().split()[1]) * os.sysconf('SC_PAGESIZE') / 2**20


def run(calls: int) -> None:
    """This many rounds, the operations by turns."""
    for k in range(calls):
        operation, limit = OPERATIONS[k % len(OPERATIONS)]
        operation(*draw(limit))


def main() -> None:
    """Print what was held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--calls', type=int, default=100_000)
    parser.add_argument('--limit', type=float, default=30.0, help='MB that may be held more')
    args = parser.parse_args()
    torch.manual_seed(0)
    run(200)  # the pools of the allocator fill
    before, start = held(), time.perf_counter()
    run(args.calls)
    more = held() - before
    facts = dict(ops.backends(), calls=args.calls, before_mb=before, more_mb=more)
    print(json.dumps(dict(facts, seconds=time.perf_counter() - start)))
    if more > args.limit:
        raise SystemExit(f'{more:.1f} MB more are held after {args.calls} calls')


if __name__ == '__main__':
    main()
