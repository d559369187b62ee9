"""Overlaps of rotated boxes of the same class, for arrays; without PyTorch."""

from collections.abc import Iterator

import numpy as np

from .arrays import box_iou_rotated

_PAIRS = 2_000_000  # of boxes, whose overlaps are in memory at once


def overlaps_in_classes(
    boxes: np.ndarray, labels: np.ndarray, others: np.ndarray, other_labels: np.ndarray, mode: str = 'iou'
) -> Iterator[tuple[int, np.ndarray]]:
    """Overlaps of boxes of the same class, 0 for those of two classes, in blocks of rows.

    Args:
        boxes: (n, 5) or, with scores, (n, 6): x, y, w, h, theta in pixels and radians.
        labels: (n,) their classes.
        others: (m, 5) or (m, 6).
        other_labels: (m,) their classes.
        mode: As of :func:`mmrotate.ops.box_iou_rotated`, but ``'giou'``.

    Yields:
        The index of the first box of a block, and its overlaps (k, m) in float32.
    """
    first, second = _classes_apart(boxes, labels, others, other_labels)
    rows = max(_PAIRS // max(len(second), 1), 1)
    for start in range(0, len(first), rows):
        yield start, box_iou_rotated(first[start : start + rows], second, mode).astype(np.float32)


def _classes_apart(
    boxes: np.ndarray, labels: np.ndarray, others: np.ndarray, other_labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (n, 5) and others (m, 5), moved along x so that only those of one class can touch.

    Pairs that are far apart cost next to nothing. In float64 the move takes nothing from what float32 holds.
    """
    both = [each[:, :5].astype(np.float64) for each in (boxes, others)]
    ends = [part[:, :1] + sign * part[:, 2:4].sum(1, keepdims=True) for part in both for sign in (-1, 1) if len(part)]
    width = float(np.ptp(np.concatenate(ends))) + 1 if ends else 0.0
    for part, its_labels in zip(both, (labels, other_labels), strict=True):
        part[:, 0] += width * its_labels
    return both[0], both[1]
