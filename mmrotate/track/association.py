"""Which detection goes on which track."""

import numpy as np
import torch

from mmrotate.core.bbox import bbox_overlaps, obb2xyxy
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
    own, theirs = (obb2xyxy(torch.from_numpy(each)) for each in (boxes, others))
    return bbox_overlaps(own, theirs).numpy()


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
