"""Overlaps and suppression of rotated boxes in NumPy arrays, by the C++ operations: without importing PyTorch.

Where the C++ was not built, or another implementation is forced or a GPU is asked for, PyTorch computes; only then it
is imported.
"""

import importlib
import os
from typing import Any

import numpy as np

from mmrotate.utils import native
from mmrotate.utils.errors import ArgumentError, UserError

# in the order of mmrotate/ops/csrc/geometry.h
_MODES = ('iou', 'iof', 'giou')


def box_iou_rotated(
    boxes1: np.ndarray, boxes2: np.ndarray, mode: str = 'iou', aligned: bool = False, device: Any = 'cpu'
) -> np.ndarray:
    """Overlaps (n, m), or (n,) of pairs, as :func:`mmrotate.ops.box_iou_rotated` of tensors.

    Args:
        boxes1: (n, 5): x, y, w, h in pixels, theta in radians, clockwise on the screen.
        boxes2: (m, 5).
        mode: ``'iou'``, ``'iof'`` or ``'giou'``.
        aligned: Compare pairs only; n = m.
        device: Where it is computed.

    Returns:
        float64 where either is, else float32.
    """
    if mode not in _MODES:
        raise ArgumentError(f'mode must be one of {_MODES}, got {mode!r}')
    dtype = np.float64 if np.float64 in (boxes1.dtype, boxes2.dtype) else np.float32
    first, second = _checked(boxes1, dtype), _checked(boxes2, dtype)
    if aligned and len(first) != len(second):
        raise ArgumentError(f'aligned boxes must be of one count, got {len(first)} and {len(second)}')
    library = _library(device)
    if library is None:
        torch, ops = _pytorch()
        pair = (torch.from_numpy(boxes).to(device) for boxes in (first, second))
        return ops.box_iou_rotated(*pair, mode, aligned).cpu().numpy()
    out = np.zeros(len(first) if aligned else (len(first), len(second)), dtype)
    sizes = (first, len(first), second, len(second), _MODES.index(mode), bool(aligned), True, native.threads())
    native.call(library, 'box_iou_rotated', dtype is np.float64, *sizes, out)
    return out


def nms_rotated(
    boxes: np.ndarray, scores: np.ndarray, iou_threshold: float, labels: np.ndarray | None = None, device: Any = 'cpu'
) -> np.ndarray:
    """Indices (k,), int64, best first, of the boxes that overlap no better one that stays more than the threshold.

    Args:
        boxes: (n, 5): x, y, w, h in pixels, theta in radians, clockwise on the screen.
        scores: (n,); of equal ones the first goes first.
        iou_threshold: In [0, 1].
        labels: (n,) whole numbers; only boxes of one label suppress each other.
        device: Where it is computed.
    """
    if not 0 <= iou_threshold <= 1:
        raise ArgumentError(f'iou_threshold must be in [0, 1], got {iou_threshold}')
    if any(len(each) != len(boxes) for each in (scores, labels) if each is not None):
        raise ArgumentError(f'as many scores and labels as boxes are needed, got {len(scores)} for {len(boxes)} boxes')
    dtype = np.float64 if boxes.dtype == np.float64 else np.float32
    order = np.argsort(-scores, kind='stable')
    ranked = _checked(boxes, dtype)[order]
    classes = None if labels is None else np.ascontiguousarray(labels[order], np.int64)
    library = _library(device)
    if library is None:
        torch, ops = _pytorch()
        given = [torch.from_numpy(each).to(device) for each in (ranked, -np.arange(len(ranked), dtype=np.float32))]
        groups = None if classes is None else torch.from_numpy(classes).to(device)
        return order[ops.nms_rotated(*given, float(iou_threshold), groups)[1].cpu().numpy()]
    keep = np.zeros(len(ranked), bool)
    flags = (float(iou_threshold), True, native.threads())
    native.call(library, 'nms_rotated', dtype is np.float64, ranked, classes, len(ranked), *flags, keep)
    return order[keep]


def _checked(boxes: np.ndarray, dtype: type) -> np.ndarray:
    if boxes.ndim != 2 or boxes.shape[1] != 5:
        raise ArgumentError(f'boxes (n, 5) are needed, got an array of the shape {boxes.shape}')
    return np.ascontiguousarray(boxes, dtype)


def _library(device: Any) -> Any:
    """The C++ library, where it is to compute."""
    wanted = str(device) == 'cpu' and os.environ.get(native.VARIABLE) in (None, 'cpp')
    return native.library() if wanted else None


def _pytorch() -> tuple[Any, Any]:
    try:
        return importlib.import_module('torch'), importlib.import_module('mmrotate.ops')
    except ImportError as error:
        raise UserError(
            'rotated boxes are compared by the C++ operations or by PyTorch, and neither is here: install a C++ '
            'compiler and the package again, or PyTorch'
        ) from error
