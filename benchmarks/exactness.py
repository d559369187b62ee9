"""How exact the operations are, for every implementation that runs here and every type.

Overlaps stand against rational arithmetic, which rounds nothing, or shapely in float64 where the
pairs are too many (and rational arithmetic again where those two differ); NMS against the plain
loop over shapely's overlaps; RoIAlign against a loop over its samples. torchvision's rotated
overlaps stand beside ours where this torchvision has them.

Run it as ``python -m benchmarks.exactness``.
"""

import argparse
import inspect
import json
import math
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import shapely
import torch
import torchvision
from torch import Tensor

from benchmarks.hard_pairs import FAMILIES, not_finite, random_pairs, spread
from mmrotate import ops
from tests.helpers.exact import exact_overlap
from tests.helpers.roi_loop import plain_loop

DTYPES = {'float32': torch.float32, 'float64': torch.float64}
# boxes of a family that are compared all with all, in blocks of so many
BLOCK = 25


class Overlaps(NamedTuple):
    """Overlaps of pairs by one implementation: here (n,) each.

    Attributes:
        there: Of the first boxes with the second.
        back: Of the second with the first.
        matrix: Of the first with the second, from matrices.
    """

    there: Tensor
    back: Tensor
    matrix: Tensor


def implementations(device: str) -> list[str]:
    """Names that ``MMROTATE_OPS_BACKEND`` can force for this device."""
    found: list[str] = []
    for name in ('cpp', 'triton', 'torch'):
        os.environ['MMROTATE_OPS_BACKEND'] = name
        try:
            if ops.backends()[torch.device(device).type] == name:
                found.append(name)
        except (ValueError, RuntimeError) as error:
            print(f'{name} is left out: {error}')
    return found


def corners(boxes: Tensor, origins: Tensor) -> np.ndarray:
    """Corners (n, 4, 2) of boxes (n, 5), moved by -origins (n, 2)."""
    boxes = boxes.double()
    u = torch.stack([boxes[:, 4].cos(), boxes[:, 4].sin()], 1) * boxes[:, 2:3] / 2
    v = torch.stack([-boxes[:, 4].sin(), boxes[:, 4].cos()], 1) * boxes[:, 3:4] / 2
    centre = boxes[:, :2] - origins.double()
    return torch.stack([centre - u - v, centre + u - v, centre + u + v, centre - u + v], 1).numpy()


def shapely_overlaps(first: Tensor, second: Tensor) -> Tensor:
    """Overlaps (n,) of pairs in float64; not to be trusted where edges all but coincide."""
    p, q = (shapely.polygons(corners(boxes, first[:, :2])) for boxes in (first, second))
    shared = shapely.area(shapely.intersection(p, q))
    return torch.from_numpy(shared / (shapely.area(p) + shapely.area(q) - shared))


def shapely_matrix(boxes: Tensor) -> Tensor:
    """Overlaps (n, n) of different boxes in float64, 0 for those of a box with itself."""
    polygons = shapely.polygons(corners(boxes, boxes[:1, :2]))
    i, j = shapely.STRtree(polygons).query(polygons)  # the others are too far away
    i, j = i[i < j], j[i < j]
    areas, shared = shapely.area(polygons), shapely.area(shapely.intersection(polygons[i], polygons[j]))
    found = torch.zeros(len(boxes), len(boxes), dtype=torch.float64)
    found[i, j] = found[j, i] = torch.from_numpy(shared / (areas[i] + areas[j] - shared))
    return found


def rational_overlaps(first: Tensor, second: Tensor) -> Tensor:
    """Overlaps (n,) of pairs, exact."""
    pairs = zip(first, second, strict=True)
    return torch.tensor([exact_overlap(a, b) for a, b in pairs], dtype=torch.float64)


def in_blocks(matrix: Callable[[Tensor, Tensor], Tensor], first: Tensor, second: Tensor) -> Tensor:
    """Overlaps (n,) of pairs, from small matrices."""
    blocks = zip(first.split(BLOCK), second.split(BLOCK), strict=True)
    return torch.cat([matrix(a, b).diagonal() for a, b in blocks])


def ours(first: Tensor, second: Tensor) -> Overlaps:
    """By the implementation that is forced."""
    aligned = partial(ops.box_iou_rotated, aligned=True)
    matrix = in_blocks(ops.box_iou_rotated, first, second)
    return Overlaps(aligned(first, second), aligned(second, first), matrix)


def torchvisions(first: Tensor, second: Tensor) -> Overlaps:
    """By torchvision: degrees, counter-clockwise."""

    def matrix(a: Tensor, b: Tensor) -> Tensor:
        p, q = (torch.cat([v[:, :4], -v[:, 4:].rad2deg()], 1) for v in (a, b))
        return torchvision.ops.box_iou(p, q, fmt='cxcywhr')

    there = in_blocks(matrix, first, second)
    return Overlaps(there, in_blocks(matrix, second, first), there)


def judge(name: str, exact: Tensor, got: Overlaps) -> dict[str, str | float]:
    """What is wrong with overlaps (n,), in numbers."""
    values = torch.stack([overlaps.double().cpu() for overlaps in got])
    return dict(
        name=name,
        error=(values - exact).abs().nan_to_num(math.inf).max().item(),
        asymmetry=(values[0] - values[1]).abs().nan_to_num(math.inf).max().item(),
        outside=int(((values < 0) | (values > 1)).sum()),
        nan=int(values.isnan().sum()),
    )


def overlap_rows(args: argparse.Namespace) -> Iterator[dict]:
    """A row per family, type and implementation."""
    peers = 'fmt' in inspect.signature(torchvision.ops.box_iou).parameters
    families = {'random': random_pairs, **FAMILIES, 'NaN, inf, no area': not_finite}
    for family, draw in families.items():
        count = args.random if draw is random_pairs else args.count
        pairs = [boxes.to(args.device) for boxes in draw(count)]
        for dtype_name, dtype in DTYPES.items():
            first, second = (boxes.to(dtype) for boxes in pairs)
            exact = truth(draw, first.cpu(), second.cpu())
            for name in args.implementations:
                os.environ['MMROTATE_OPS_BACKEND'] = name
                yield judge(f'{name} {dtype_name}', exact, ours(first, second)) | {'of': family}
            if peers and draw is not not_finite:
                row = judge(f'torchvision {dtype_name}', exact, torchvisions(first, second))
                yield row | {'of': family}


def truth(draw: Callable, first: Tensor, second: Tensor) -> Tensor:
    """Exact overlaps (n,) of pairs that ``draw`` drew."""
    if draw is not_finite:
        return torch.zeros(len(first), dtype=torch.float64)
    if draw is not random_pairs:
        return rational_overlaps(first, second)
    exact = shapely_overlaps(first, second)
    os.environ['MMROTATE_OPS_BACKEND'] = 'torch'
    doubtful = (ops.box_iou_rotated(first, second, aligned=True) - exact).abs() > 5e-7
    exact[doubtful] = rational_overlaps(first[doubtful], second[doubtful])
    return exact


def nms_rows(args: argparse.Namespace) -> Iterator[dict]:
    """How many sets of boxes lose other boxes than by the plain loop, or in another order."""
    for dtype_name, dtype in DTYPES.items():
        wrong = {name: [0, 0] for name in args.implementations}
        for k in range(args.sets):
            boxes = spread(150, (40.0, 120.0, 400.0)[k % 3]).to(dtype)
            scores, shuffle = torch.randperm(150).to(dtype) / 150, torch.randperm(150)
            threshold = (0.0, 0.1, 0.3, 0.5, 0.8)[k % 5]
            exact = shapely_matrix(boxes)
            boxes, scores = boxes.to(args.device), scores.to(args.device)
            for name, counts in wrong.items():
                os.environ['MMROTATE_OPS_BACKEND'] = name
                keep = ops.nms_rotated(boxes, scores, threshold)[1].cpu()
                mixed = ops.nms_rotated(boxes[shuffle], scores[shuffle], threshold)[1].cpu()
                near = (exact - threshold).abs() <= (1e-6 if threshold else 0)
                found = ops.box_iou_rotated(boxes, boxes).cpu().double()
                hits = torch.where(near, found, exact) > threshold
                counts[0] += keep.tolist() != plain_nms(hits, scores.cpu())
                counts[1] += not torch.equal(shuffle[mixed], keep)
        for name, counts in wrong.items():
            for what, count in zip(('the plain loop', 'another order'), counts, strict=True):
                of = f'NMS: sets of {args.sets} that differ from {what}'
                yield dict(name=f'{name} {dtype_name}', of=of, error=count)


def plain_nms(hits: Tensor, scores: Tensor) -> list[int]:
    """Indices to keep, best first, where ``hits`` (n, n) says who suppresses whom."""
    keep: list[int] = []
    for index in scores.argsort(descending=True).tolist():
        if not hits[index, keep].any():
            keep.append(index)
    return keep


def roi_align_rows(args: argparse.Namespace) -> Iterator[dict]:
    """Largest error of RoIAlign, and of its gradient by <g, A x> = <A' g, x>."""
    for dtype_name, dtype in DTYPES.items():
        maps = torch.rand(2, 3, 24, 32, dtype=dtype)
        rois = torch.cat([torch.randint(0, 2, (100, 1)), spread(100, 120.0)], 1).to(dtype)
        settings = (0.25, 0, True, True)
        exact = torch.stack([plain_loop(maps.double(), roi, 4, *settings) for roi in rois.double()])
        for name in args.implementations:
            os.environ['MMROTATE_OPS_BACKEND'] = name
            leaf = maps.clone().to(args.device).requires_grad_()
            got = ops.roi_align_rotated(leaf, rois.to(args.device), 4, *settings)
            grad = torch.rand_like(got)
            got.backward(grad)
            assert leaf.grad is not None
            error = (got.detach().cpu().double() - exact).abs().max().item()
            yield dict(name=f'{name} {dtype_name}', of='RoIAlign: largest error', error=error)
            there, back = (grad.cpu().double() * exact).sum(), (leaf.grad.cpu() * maps).sum()
            error = (back / there - 1).abs().item()
            yield dict(name=f'{name} {dtype_name}', of='RoIAlign: its gradient', error=error)


def summary_rows(rows: list[dict]) -> Iterator[dict]:
    """The worst over the families of overlaps, for each implementation and type."""
    for name in dict.fromkeys(row['name'] for row in rows):
        mine = [row for row in rows if row['name'] == name and 'nan' in row]
        finite = [row for row in mine if row['of'] != 'NaN, inf, no area']
        yield dict(name=name, of='overlaps outside [0, 1]', error=sum(r['outside'] for r in mine))
        yield dict(name=name, of='overlaps that are NaN', error=sum(r['nan'] for r in mine))
        yield dict(name=name, of='asymmetry', error=max(r['asymmetry'] for r in finite))


def markdown(rows: list[dict]) -> str:
    """The table: what was measured down, implementations and types across."""
    columns = sorted(dict.fromkeys(row['name'] for row in rows), key=lambda name: name.split()[::-1])
    cells = {(row['of'], row['name']): row['error'] for row in rows}
    lines = ['| largest error of overlaps | ' + ' | '.join(columns) + ' |']
    lines.append('|---' * (len(columns) + 1) + '|')
    for of in dict.fromkeys(row['of'] for row in rows):
        values = [cells.get((of, column)) for column in columns]
        lines.append(f'| {of} | ' + ' | '.join(map(shown, values)) + ' |')
    return '\n'.join(lines)


def shown(value: float | None) -> str:
    """A cell of the table."""
    if value is None:
        return '-'
    return f'{value:.0e}' if value and isinstance(value, float) else str(int(value))


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    parser.add_argument('--random', type=int, default=1_000_000, help='random pairs')
    parser.add_argument('--count', type=int, default=2000, help='pairs of each hard family')
    parser.add_argument('--sets', type=int, default=60, help='sets of boxes for NMS')
    parser.add_argument('--json', type=Path, help='write the rows there')
    parser.add_argument('--markdown', type=Path, help='write the table there')
    return parser.parse_args()


def main() -> None:
    """Print the table; write it too if asked."""
    args = parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    args.implementations = implementations(args.device)
    rows = list(overlap_rows(args))
    rows += [*summary_rows(rows), *nms_rows(args), *roi_align_rows(args)]
    print(markdown(rows))
    if args.json:
        args.json.write_text(json.dumps(dict(torch=torch.__version__, rows=rows), indent=2) + '\n')
    if args.markdown:
        args.markdown.write_text(markdown(rows) + '\n')


if __name__ == '__main__':
    main()
