"""Speed of the operations against torchvision's nearest, in one process.

Rotated overlaps stand against ``torchvision.ops.box_iou(fmt='cxcywhr')`` where this torchvision has
it, rotated NMS and RoIAlign against the upright ones. Times are medians; the ratio is ours over
theirs.
"""

import argparse
import inspect
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
import torchvision
from torch import Tensor

from mmrotate.ops import backends, box_iou_rotated, nms_rotated, roi_align_rotated


class Case(NamedTuple):
    """One line of the table; ``theirs`` is None where torchvision has nothing to compare."""

    name: str
    ours: Callable[[], object]
    theirs: Callable[[], object] | None = None


def draw_boxes(count: int, size: float, low: float, high: float, device: str) -> Tensor:
    """Boxes (count, 5) spread over a square of ``size`` pixels, sides between low and high."""
    u = torch.rand(count, 5)
    boxes = [u[:, :2] * size, low + u[:, 2:4] * (high - low), (u[:, 4:] - 0.5) * math.pi]
    return torch.cat(boxes, 1).to(device)


def upright(boxes: Tensor) -> Tensor:
    """Corners (n, 4) of the boxes at angle 0."""
    return torch.cat([boxes[:, :2] - boxes[:, 2:4] / 2, boxes[:, :2] + boxes[:, 2:4] / 2], 1)


def iou_cases(device: str) -> Iterator[Case]:
    """Spread boxes, of which most do not touch, and piled ones, of which all do."""
    for name, size in (('spread', 1024.0), ('piled', 10.0)):
        for n, m in ((2000, 200), (200, 20)):
            a, b = (draw_boxes(k, size, 10, 60, device) for k in (n, m))
            theirs: Callable[[], object] | None = None
            if 'fmt' in inspect.signature(torchvision.ops.box_iou).parameters:
                # theirs: degrees, counter-clockwise
                p, q = (torch.cat([v[:, :4], -v[:, 4:].rad2deg()], 1) for v in (a, b))
                theirs = partial(torchvision.ops.box_iou, p, q, fmt='cxcywhr')
            yield Case(f'box_iou {n}x{m} {name}', partial(box_iou_rotated, a, b), theirs)
    a, b = (draw_boxes(100_000, 10, 10, 60, device) for _ in range(2))
    yield Case('box_iou 100000 aligned', partial(box_iou_rotated, a, b, aligned=True))


def nms_cases(device: str) -> Iterator[Case]:
    """NMS at 0.1, as the zoo's configs have it."""
    for count, size, name in ((2000, 1024.0, 'spread'), (2000, 100.0, 'piled'), (200, 300.0, '')):
        boxes, scores = draw_boxes(count, size, 10, 60, device), torch.rand(count).to(device)
        corners = upright(boxes)
        yield Case(
            f'nms {count} {name}'.rstrip(),
            partial(nms_rotated, boxes, scores, 0.1),
            partial(torchvision.ops.nms, corners, scores, 0.1),
        )


def roi_align_cases(device: str) -> Iterator[Case]:
    """512 regions on two maps of 256 channels, as in Oriented R-CNN, forward and backward."""
    maps = torch.rand(2, 256, 128, 128, device=device)
    index = torch.randint(0, 2, (512, 1)).to(device)
    boxes = draw_boxes(512, 1024, 16, 200, device)
    rois, corners = torch.cat([index, boxes], 1), torch.cat([index, upright(boxes)], 1)

    def ours(x: Tensor) -> Tensor:
        return roi_align_rotated(x, rois, 7, 1 / 8, 2)

    def theirs(x: Tensor) -> Tensor:
        return torchvision.ops.roi_align(x, corners, 7, 1 / 8, 2, True)

    leaf = maps.clone().requires_grad_()
    yield Case('roi_align 512x256x7x7', lambda: ours(maps), lambda: theirs(maps))
    yield Case(
        'roi_align with backward',
        lambda: ours(leaf).sum().backward(),
        lambda: theirs(leaf).sum().backward(),
    )


def median_ms(function: Callable[[], object], seconds: float, device: str) -> float:
    """Median milliseconds of a call, over about ``seconds`` and at least five calls."""
    synchronize = torch.cuda.synchronize if device.startswith('cuda') else lambda: None
    function()
    times: list[float] = []
    while len(times) < 5 or (sum(times) < seconds and len(times) < 1000):
        synchronize()
        start = time.perf_counter()
        function()
        synchronize()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def measure(case: Case, seconds: float, device: str) -> dict[str, str | float | None]:
    """One line of the table."""
    ours = median_ms(case.ours, seconds, device)
    theirs = None if case.theirs is None else median_ms(case.theirs, seconds, device)
    ratio = None if theirs is None else ours / theirs
    return dict(name=case.name, ours_ms=ours, torchvision_ms=theirs, ratio=ratio)


def show(row: dict) -> str:
    """The line of a measurement."""
    cells = [f'{row["name"]:<28}', f'{row["ours_ms"]:>10.3f}']
    if row['ratio'] is None:
        return ''.join([*cells, f'{"-":>14}', f'{"-":>10}'])
    return ''.join([*cells, f'{row["torchvision_ms"]:>14.3f}', f'{row["ratio"]:>10.3f}'])


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    parser.add_argument('--seconds', type=float, default=1.0, help='per measurement')
    parser.add_argument('--quick', action='store_true', help='few calls, for a rough look')
    parser.add_argument('--only', default='', help='only names that contain this')
    parser.add_argument('--json', type=Path, help='write the table there')
    return parser.parse_args()


def main() -> None:
    """Print the table; write it too if asked."""
    args = parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    facts = dict(
        torch=torch.__version__,
        torchvision=torchvision.__version__,
        device=args.device,
        threads=args.threads,
        backend=backends()['cuda' if args.device.startswith('cuda') else 'cpu'],
    )
    print(', '.join(f'{key} {value}' for key, value in facts.items()))
    print(f'{"operation":<28}{"ours ms":>10}{"torchvision":>14}{"ratio":>10}')
    seconds = 0.1 if args.quick else args.seconds
    rows = []
    for cases in (iou_cases, nms_cases, roi_align_cases):
        for case in cases(args.device):
            if args.only in case.name:
                rows.append(measure(case, seconds, args.device))
                print(show(rows[-1]), flush=True)
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(dict(facts, rows=rows), indent=2) + '\n')


if __name__ == '__main__':
    main()
