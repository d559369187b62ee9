"""Which detection goes on which track."""

import numpy as np
import torch

from mmrotate.core.bbox import obb2xyxy
from mmrotate.core.evaluation import rotated_ious
from mmrotate.ops import linear_sum_assignment

Pairs = tuple[np.ndarray, np.ndarray]
_NEVER = 1e6


def overlaps(boxes: np.ndarray, others: np.ndarray, upright: bool = False) -> np.ndarray:
    """IoU (n, m) of rotated boxes (n, 5) and (m, 5), or of the upright ones around them."""
    if not len(boxes) or not len(others):
        return np.zeros((len(boxes), len(others)))
    if not upright:
        return rotated_ious(boxes.astype(np.float32), others.astype(np.float32))
    (a, b) = (obb2xyxy(torch.from_numpy(each)).numpy() for each in (boxes, others))
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), 2)
    areas = [np.prod(each[:, 2:] - each[:, :2], 1) for each in (a, b)]
    return shared / np.maximum(areas[0][:, None] + areas[1] - shared, 1e-9)


def match(likeness: np.ndarray, least: float, bonus: np.ndarray | None = None) -> Pairs:
    """Rows and columns of the pairs whose likenesses (n, m) have the greatest sum, none of them below ``least``.

    ``bonus`` (n, m) is added where pairs are chosen, but lifts none above ``least``.
    """
    if not likeness.size:
        return np.zeros(0, int), np.zeros(0, int)
    cost = np.where(likeness >= least, 1 - likeness - (0 if bonus is None else bonus), _NEVER)
    rows, columns = (pairs.numpy() for pairs in linear_sum_assignment(torch.from_numpy(cost)))
    good = cost[rows, columns] < _NEVER
    return rows[good], columns[good]
