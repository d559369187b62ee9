"""Recall of proposals, or of detections without their classes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmrotate.utils.errors import ArgumentError

from .columns import pairs_from, read_images
from .tables import print_recalls


def eval_recalls(
    gts: Sequence[np.ndarray],
    proposals: Sequence[np.ndarray],
    proposal_nums: int | Sequence[int] | None = None,
    iou_thrs: float | Sequence[float] = 0.5,
    logger: Any = 'silent',
) -> np.ndarray:
    """The share of the objects that the best proposals of their image find.

    Each proposal finds one object; the pair of the largest IoU comes first.

    Args:
        gts: Per image objects (m, 5).
        proposals: Per image proposals (n, 6) with scores, or (n, 5), the best first.
        proposal_nums: How many of an image's proposals count: numbers to try; None: all.
        iou_thrs: IoUs from which an object is found.
        logger: Where a table goes; None prints it, ``'silent'`` does not.

    Returns:
        Recalls (numbers, thresholds) in [0, 1]; 0 without objects.
    """
    if len(gts) != len(proposals):
        raise ArgumentError(f'{len(proposals)} images have proposals, but {len(gts)} objects')
    scored = [[_scored(np.asarray(boxes))] for boxes in proposals]
    numbers = [max((len(each[0]) for each in scored), default=0)] if proposal_nums is None else proposal_nums
    annotations = [dict(bboxes=boxes, labels=np.zeros(len(boxes), int)) for boxes in gts]
    recalls = recalls_of(scored, annotations, np.atleast_1d(numbers).tolist(), np.atleast_1d(iou_thrs).tolist())
    if logger != 'silent':
        print_recalls(recalls, np.atleast_1d(numbers).tolist(), np.atleast_1d(iou_thrs).tolist(), logger)
    return recalls


def _scored(boxes: np.ndarray) -> np.ndarray:
    """Proposals (n, 6); those without scores get falling ones."""
    if boxes.ndim != 2 or boxes.shape[1] not in (5, 6):
        raise ArgumentError(f'proposals must be (n, 5) or, with scores, (n, 6), got {boxes.shape}')
    return boxes if boxes.shape[1] == 6 else np.c_[boxes, -np.arange(len(boxes))]


def recalls_of(
    det_results: Sequence[Sequence[np.ndarray]],
    annotations: Sequence[dict[str, Any]],
    numbers: Sequence[int],
    iou_thrs: Sequence[float],
) -> np.ndarray:
    """Recalls (numbers, thresholds) of detections, whose classes do not matter; ignored objects are not asked for."""
    hits = np.zeros((len(numbers), len(iou_thrs)), np.int64)
    total = 0
    for image in read_images(det_results, annotations, class_agnostic=True):
        wanted = image._replace(gts=image.gts[~image.ignored], gt_labels=image.gt_labels[~image.ignored])
        total += len(wanted.gts)
        if not len(wanted.gts) or not len(wanted.dets):
            continue
        order = np.argsort(-wanted.dets[:, 5], kind='stable')[: max(numbers)]
        best = wanted._replace(dets=wanted.dets[order], labels=wanted.labels[order])
        pairs = [(start, *pairs_from(ious, min(iou_thrs))) for start, ious in best.overlaps()]
        rows = np.concatenate([rows + start for start, rows, _, _ in pairs])
        columns, values = (np.concatenate([each[i] for each in pairs]) for i in (2, 3))
        for k, number in enumerate(numbers):
            chosen = rows < number
            found = _found(rows[chosen], columns[chosen], values[chosen])
            hits[k] += (found[:, None] >= np.asarray(iou_thrs, np.float32)).sum(0)
    return hits / max(total, 1)


def _found(rows: np.ndarray, columns: np.ndarray, ious: np.ndarray) -> np.ndarray:
    """IoUs of the pairs (p,) that take each other, those of the largest IoU first."""
    order = np.argsort(-ious, kind='stable')
    rows, columns, ious = rows[order], columns[order], ious[order]
    sides = [(which, np.zeros(which.max(initial=-1) + 1, np.int64)) for which in (rows, columns)]
    taken = []
    while len(ious):
        place = np.arange(len(ious))
        mutual = np.ones(len(ious), bool)
        for which, first in sides:
            first[which[::-1]] = place[::-1]  # what is written last stays: the first pair of each
            mutual &= first[which] == place  # nobody whom it would rather have is left
        taken.append(ious[mutual])
        left = ~mutual
        for which, first in sides:
            first[which[mutual]] = -1
            left &= first[which] >= 0
        ious, sides = ious[left], [(which[left], first) for which, first in sides]
    return np.concatenate(taken) if taken else ious
