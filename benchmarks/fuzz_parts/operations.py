"""Calls of the operations with hostile tensors and arguments, one for each number.

``python -m benchmarks.fuzz_parts.operations 17 18`` makes and judges the cases 17 and 18.
"""

import math
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmrotate import ops

NAME = 'operations'
COUNT = 2000
# a call that takes longer hangs
SECONDS = 20
BACKENDS = ('cpp', 'torch')

# what a call is made of: for each argument the shape of a tensor, or values that make sense
BOXES, QUADS, POINTS = ('n', 5), ('n', 8), ('n', 18)
_NMS: dict[str, Any] = dict(scores=('n',), iou_threshold=[0.1, 0.5, 1.0], labels=['labels', None])
_ROIS: dict[str, Any] = dict(rois='rois', output_size=[1, 7, (2, 3)], spatial_scale=[1.0, 0.125, 1e30, 1e-30])
_STEPS: dict[str, Any] = dict(stride=[1], padding=[1], dilation=[1], groups=[1], deform_groups=[1])
CALLS: list[tuple[Callable[..., Any], dict[str, Any]]] = [
    (ops.box_iou_rotated, dict(bboxes1=BOXES, bboxes2=BOXES, mode=['iou', 'iof', 'giou'], aligned=[False, True])),
    (ops.diff_iou_rotated_2d, dict(box1=BOXES, box2=BOXES)),
    (ops.box_iou_quadri, dict(bboxes1=QUADS, bboxes2=QUADS, mode=['iou', 'iof'], aligned=[False, True])),
    (ops.convex_iou, dict(pointsets=POINTS, polygons=QUADS, mode=['iou'], aligned=[False, True])),
    (ops.convex_giou, dict(pointsets=POINTS, polygons=QUADS)),
    (ops.nms_rotated, dict(dets=BOXES, **_NMS, clockwise=[True, False])),
    (ops.batched_nms_rotated, dict(boxes=BOXES, scores=('n',), labels=['labels'], iou_threshold=[0.1])),
    (ops.soft_nms_rotated, dict(dets=BOXES, **_NMS, sigma=[0.5], method=['linear', 'gaussian', 'naive'])),
    (ops.nms_quadri, dict(dets=QUADS, **_NMS)),
    (ops.roi_align_rotated, dict(input='maps', **_ROIS, sampling_ratio=[0, 2], aligned=[True, False])),
    (ops.riroi_align_rotated, dict(features='maps', **_ROIS, num_samples=[0, 2], num_orientations=[2])),
    (ops.rotated_feature_align, dict(features='maps', best_rbboxes='grid', spatial_scale=[0.125], points=[1, 5])),
    (ops.deform_conv2d, dict(input='maps', offset='offset', weight='weight', **_STEPS)),
    (ops.modulated_deform_conv2d, dict(input='maps', offset='offset', mask='mask', weight='weight', bias=[None])),
    (ops.sigmoid_focal_loss, dict(pred=('n', 3), target='labels', reduction=['none', 'mean', 'sum'])),
    (ops.min_area_polygons, dict(pointsets=POINTS)),
    (ops.convex_hull, dict(points=('n', 6, 2))),
    (ops.points_in_polygons, dict(points=('n', 2), polygons=QUADS)),
    (ops.chamfer_distance, dict(pts1=(2, 'n', 2), pts2=(2, 'n', 2))),
    (ops.active_rotated_filter, dict(input=(2, 'n', 1, 2, 2), indices='indices')),
]
WRONG = ['1', 'iou', None, -1, 0, 1.5, 7.0, math.nan, math.inf, 1e30, 10**6, 2**62, [], (1, 2, 3), {}, 1j]
NUMBERS = [math.nan, math.inf, -math.inf, 0.0, -0.0, -1.0, 1e-30, 1e6, 1e9, -1e9, 1e30, 3e38]
TYPES = [torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.bool, torch.complex64, torch.uint8]
SHAPES: list[Callable[[Tensor], Any]] = [
    lambda t: t.transpose(0, -1).contiguous().transpose(0, -1),
    lambda t: t[:1].expand(t.shape),
    lambda t: torch.stack([t, t], -1)[..., 0],
    lambda t: t[..., :-1],
    lambda t: t[None],
    lambda t: t[0] if len(t) else t,
    lambda t: t[:0],
    lambda t: t.new_zeros((*t.shape[:-1], 0)),
    lambda t: t.flatten(),
    lambda t: t.requires_grad_() if t.is_floating_point() else t,
    lambda t: t.tolist(),
    lambda t: t.to_sparse(),
    lambda t: t.numpy(),
]


def _tensor(kind: Any, count: int, sizes: tuple[int, int]) -> Tensor:
    """A tensor that makes sense: by its shape, in which n is the count, or by its name."""
    if isinstance(kind, tuple):
        return torch.rand([count if size == 'n' else size for size in kind]) * 50
    (height, width), channels = sizes, 2 * min(count, 3)
    if kind == 'rois':
        return torch.cat([torch.zeros(count, 1), torch.rand(count, 5) * 40], 1)
    if kind == 'labels':
        return torch.arange(count) % 3
    if kind == 'indices':
        return torch.stack([torch.randperm(4) + 1 for _ in range(3)], 1).view(1, 2, 2, 3)
    shapes = {
        'maps': (1, channels, height, width),
        'grid': (1, height, width, 5),
        'weight': (2, channels, 3, 3),
        'offset': (1, 18, height, width),
        'mask': (1, 9, height, width),
    }
    return torch.randn(shapes[kind])


def _spoil(tensor: Tensor, dice: random.Random) -> Any:
    """The tensor with hostile numbers, of a hostile type, or in a hostile form."""
    way = dice.randrange(4)
    if way == 0 and tensor.numel() and tensor.is_floating_point():
        spoilt = tensor.clone()
        spoilt.view(-1)[torch.rand(tensor.numel()) < dice.choice([0.1, 1.0])] = dice.choice(NUMBERS)
        return spoilt
    if way == 1:
        return tensor.to(dice.choice(TYPES))
    return dice.choice(SHAPES)(tensor) if way == 2 else tensor * dice.choice([0, -1, 1000, 10**6])


def make(index: int) -> tuple[Callable[..., Any], dict[str, Any], str]:
    """Operation, arguments and implementation of a case."""
    dice = random.Random(index)
    torch.manual_seed(index)
    operation, kinds = CALLS[index % len(CALLS)]
    count, sizes = dice.choice([0, 1, 7]), (dice.choice([0, 1, 6, 9]), dice.choice([0, 1, 5, 9]))
    given: dict[str, Any] = {}
    for name, kind in kinds.items():
        value = dice.choice(kind) if isinstance(kind, list) else kind
        is_tensor = (isinstance(value, str) and value == 'labels') or not isinstance(kind, list)
        given[name] = _tensor(value, count, sizes) if is_tensor else value
    for name in dice.sample(list(given), dice.randint(0, min(2, len(given)))):
        value = given[name]
        given[name] = _spoil(value, dice) if isinstance(value, Tensor) else dice.choice(WRONG)
    return operation, given, dice.choice(BACKENDS)


def _numbers(value: Any) -> Iterator[Tensor]:
    """All tensors of a value that hold floating-point numbers."""
    for each in value if isinstance(value, tuple) else [value]:
        if isinstance(each, Tensor) and (each.is_floating_point() or each.is_complex()):
            yield each


def _judge(operation: Callable[..., Any], given: dict[str, Any]) -> str:
    plain = [t for t in given.values() if isinstance(t, Tensor) and t.layout == torch.strided]
    # sums and squares of greater numbers are not finite in float32, nor are those of 300 in float16
    tame = all(bool((t.to(torch.complex128).abs() < (100 if t.element_size() < 4 else 1e6)).all()) for t in plain)
    try:
        result = operation(**given)
        for out in _numbers(result):
            if out.requires_grad and out.numel():
                out.sum().backward()
                break
    except (ValueError, TypeError) as error:
        named = any(name in str(error) for name in given) or any(
            word in str(error) for word in ('rois', 'sampling_ratio')
        )
        return 'refused' if named else f'FAULT: {type(error).__name__} without an argument: {error}'
    except TimeoutError:
        return f'FAULT: {operation.__name__} takes more than {SECONDS} s'
    except Exception as error:  # any other is what is looked for
        return f'FAULT: {operation.__name__}: {type(error).__name__}: {str(error)[:300]}'
    grads = [t.grad for t in plain if t.is_leaf and t.grad is not None]
    if tame and any(t.isnan().any() for t in [*_numbers(result), *grads]):
        return f'FAULT: {operation.__name__} gives NaN for finite numbers'
    return 'value'


def _too_long(*_: object) -> None:
    raise TimeoutError


def run_case(index: int, folder: Path) -> str:
    """What came of a case: ``value``, ``refused``, or ``FAULT: `` and what is wrong; nothing is written.

    A call inside C++ cannot be interrupted: the caller has a limit of time for the process too.
    """
    operation, given, backend = make(index)
    before = os.environ.get('MMROTATE_OPS_BACKEND')
    handler = signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(SECONDS)
    try:
        # where C++ was not built plain PyTorch serves
        os.environ['MMROTATE_OPS_BACKEND'] = 'torch' if backend == 'torch' else ops.backends()['cpu']
        with np.errstate(all='ignore'):
            return _judge(operation, given)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, handler)
        if before is None:
            del os.environ['MMROTATE_OPS_BACKEND']
        else:
            os.environ['MMROTATE_OPS_BACKEND'] = before


if __name__ == '__main__':
    for argument in sys.argv[1:] or map(str, range(COUNT)):
        outcome = run_case(int(argument), Path())
        if len(sys.argv) > 1 or outcome.startswith('FAULT'):
            print(argument, outcome, flush=True)
