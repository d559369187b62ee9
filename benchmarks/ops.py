"""Speed of the operations against the nearest of other libraries, in one process.

Rotated overlaps stand against ``torchvision.ops.box_iou(fmt='cxcywhr')`` where this torchvision has
it, rotated NMS and RoIAlign against the upright ones, operations on polygons against loops over
shapely and OpenCV. Times are medians; the ratio is ours over theirs. On a GPU the share of the
card's copy bandwidth is shown as well, for operations that move memory.
"""

import argparse
import inspect
import json
import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import shapely
import torch
import torchvision
from timing import median_ms
from torch import Tensor

from mmrotate import ops

# pairs or sets that a Python loop goes through; its time is scaled up to all of them
LOOP = 500


class Case(NamedTuple):
    """One line of the table.

    Attributes:
        name: Operation and sizes.
        ours: Call to time.
        theirs: Yardstick; None where there is none.
        scale: Times the yardstick's work goes into ours.
        moved: Bytes that have to be read and written at the least; 0 where that says nothing.
    """

    name: str
    ours: Callable[[], object]
    theirs: Callable[[], object] | None = None
    scale: float = 1
    moved: int = 0


def draw_boxes(count: int, size: float, low: float, high: float, device: str) -> Tensor:
    """Boxes (count, 5) spread over a square of ``size`` pixels, sides between low and high."""
    u = torch.rand(count, 5)
    boxes = [u[:, :2] * size, low + u[:, 2:4] * (high - low), (u[:, 4:] - 0.5) * math.pi]
    return torch.cat(boxes, 1).to(device)


def upright(boxes: Tensor) -> Tensor:
    """Corners (n, 4) of the boxes at angle 0."""
    return torch.cat([boxes[:, :2] - boxes[:, 2:4] / 2, boxes[:, :2] + boxes[:, 2:4] / 2], 1)


def iou_cases(device: str) -> Iterator[Case]:
    """Spread boxes, of which most do not touch, and crowded ones, of which most do."""
    sizes = [(200_000, 500)] if device.startswith('cuda') else [(2000, 200), (21824, 100)]
    for name, size in (('spread', 1024.0), ('crowded', 40.0)):
        for n, m in sizes:
            a, b = (draw_boxes(k, size, 10, 60, device) for k in (n, m))
            theirs: Callable[[], object] | None = None
            if 'fmt' in inspect.signature(torchvision.ops.box_iou).parameters and n < 100_000:
                # theirs: degrees, counter-clockwise
                p, q = (torch.cat([v[:, :4], -v[:, 4:].rad2deg()], 1) for v in (a, b))
                theirs = partial(torchvision.ops.box_iou, p, q, fmt='cxcywhr')
            ours = partial(ops.box_iou_rotated, a, b)
            yield Case(f'box_iou_rotated {n}x{m} {name}', ours, theirs, moved=4 * n * m)
    a, b = (draw_boxes(100_000, 10, 10, 60, device) for _ in range(2))
    yield Case('box_iou_rotated 100000 aligned', partial(ops.box_iou_rotated, a, b, aligned=True))


def nms_cases(device: str) -> Iterator[Case]:
    """NMS at 0.1, as the zoo's configs have it."""
    sizes = [(2000, 1024.0, 'spread'), (10_000, 1024.0, 'spread'), (2000, 100.0, 'crowded')]
    if device.startswith('cuda'):
        sizes.append((100_000, 8192.0, 'spread'))
    for count, size, name in sizes:
        boxes, scores = draw_boxes(count, size, 10, 60, device), torch.rand(count).to(device)
        corners = upright(boxes)
        yield Case(
            f'nms_rotated {count} {name}',
            partial(ops.nms_rotated, boxes, scores, 0.1),
            partial(torchvision.ops.nms, corners, scores, 0.1),
        )


def roi_align_cases(device: str) -> Iterator[Case]:
    """Regions on two maps of 256 channels, as in Oriented R-CNN, forward and backward."""
    count = 2000 if device.startswith('cuda') else 512
    maps = torch.rand(2, 256, 128, 128, device=device)
    index = torch.randint(0, 2, (count, 1)).to(device)
    boxes = draw_boxes(count, 1024, 16, 200, device)
    rois, corners = torch.cat([index, boxes], 1), torch.cat([index, upright(boxes)], 1)

    def ours(x: Tensor) -> Tensor:
        return ops.roi_align_rotated(x, rois, 7, 1 / 8, 2)

    def theirs(x: Tensor) -> Tensor:
        return torchvision.ops.roi_align(x, corners, 7, 1 / 8, 2, True)

    moved = 4 * (maps.numel() + count * 256 * 49)
    yield from there_and_back(f'roi_align_rotated {count}x256x7x7', ours, theirs, maps, moved)


def deform_cases(device: str) -> Iterator[Case]:
    """A deformable convolution of 64 maps, forward and backward; on CUDA torchvision's own."""
    maps, offset = torch.rand(4, 64, 48, 64, device=device), torch.randn(4, 18, 48, 64).to(device)
    weight = torch.randn(64, 64, 3, 3, device=device, requires_grad=True)

    def ours(x: Tensor) -> Tensor:
        return ops.deform_conv2d(x, offset, weight, padding=1)

    def theirs(x: Tensor) -> Tensor:
        return torchvision.ops.deform_conv2d(x, offset, weight, padding=1)

    yield from there_and_back('deform_conv2d 4x64x48x64', ours, theirs, maps, 0)


def there_and_back(
    name: str, ours: Callable[[Tensor], Tensor], theirs: Callable[[Tensor], Tensor], maps: Tensor, moved: int
) -> Iterator[Case]:
    """An operation on maps, and with its backward."""
    leaf = maps.clone().requires_grad_()
    yield Case(name, lambda: ours(maps), lambda: theirs(maps), moved=moved)
    yield Case(
        f'{name}, backward', lambda: ours(leaf).sum().backward(), lambda: theirs(leaf).sum().backward(), moved=2 * moved
    )


def polygon_cases(device: str) -> Iterator[Case]:
    """Sets of nine points, as RepPoints predicts them, against Python loops on the CPU."""
    if device != 'cpu':
        return
    points = draw_boxes(20_000, 1024, 10, 60, device)[:, None, :2] + torch.rand(20_000, 9, 2) * 60
    sets = points.flatten(1)
    quads = points[:100, torch.tensor([0, 1, 2, 3])]
    quads = torch.stack([torch.from_numpy(cv2.boxPoints(cv2.minAreaRect(q.numpy()))) for q in quads])
    hulls = [shapely.MultiPoint(p).convex_hull for p in points[:LOOP].double().numpy()]
    polygons = [shapely.Polygon(q) for q in quads.double().numpy()]
    arrays = list(points[:LOOP].numpy())

    def overlap() -> list[float]:
        pairs = ((hull, polygons[i % len(polygons)]) for i, hull in enumerate(hulls))
        return [p.intersection(q).area / p.union(q).area for p, q in pairs]

    def rectangles() -> list[np.ndarray]:
        return [cv2.boxPoints(cv2.minAreaRect(p)) for p in arrays]

    def shapely_rectangles() -> list[shapely.Geometry]:
        return [shapely.MultiPoint(p).minimum_rotated_rectangle for p in arrays]

    few = sets[:2000].contiguous()
    ours = partial(ops.convex_iou, few, quads.flatten(1))
    yield Case('convex_iou 2000x100, shapely', ours, overlap, scale=2000 * 100 / LOOP)
    ours = partial(ops.min_area_polygons, sets)
    yield Case('min_area_polygons 20000, shapely', ours, shapely_rectangles, scale=20_000 / LOOP)
    yield Case('min_area_polygons 20000, OpenCV', ours, rectangles, scale=20_000 / LOOP)


def copy_rate(device: str) -> float:
    """Bytes read and written by a copy, per millisecond."""
    source = torch.rand(1 << 26, device=device)
    target = torch.empty_like(source)
    return 2 * source.numel() * 4 / median_ms(lambda: target.copy_(source), 0.3, device)


def measure(case: Case, seconds: float, device: str, rate: float | None) -> dict:
    """One line of the table."""
    ours = median_ms(case.ours, seconds, device)
    theirs = case.theirs and median_ms(case.theirs, seconds, device, least=3) * case.scale
    return dict(
        name=case.name,
        ours_ms=ours,
        theirs_ms=theirs,
        ratio=theirs and ours / theirs,
        bandwidth=case.moved / ours / rate if rate and case.moved else None,
    )


def show(row: dict) -> str:
    """The line of a measurement."""
    cells = (row['ours_ms'], row['theirs_ms'], row['ratio'], row['bandwidth'])
    texts = ('-' if cell is None else f'{cell:.3f}' for cell in cells)
    return f'{row["name"]:<40}' + ''.join(f'{text:>12}' for text in texts)


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
    gpu = args.device.startswith('cuda')
    facts = dict(
        torch=torch.__version__,
        torchvision=torchvision.__version__,
        device=torch.cuda.get_device_name(args.device) if gpu else 'cpu',
        threads=args.threads,
        backend=ops.backends()['cuda' if gpu else 'cpu'],
    )
    print(', '.join(f'{key} {value}' for key, value in facts.items()))
    print(f'{"operation":<40}{"ours ms":>12}{"theirs ms":>12}{"ratio":>12}{"of copy":>12}')
    rate = copy_rate(args.device) if gpu else None
    rows = []
    for cases in (iou_cases, nms_cases, roi_align_cases, deform_cases, polygon_cases):
        for case in cases(args.device):
            if args.only in case.name:
                rows.append(measure(case, 0.1 if args.quick else args.seconds, args.device, rate))
                print(show(rows[-1]), flush=True)
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(dict(facts, rows=rows), indent=2) + '\n')


if __name__ == '__main__':
    main()
