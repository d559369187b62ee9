"""Mean average precision of rotated boxes by the rules of VOC, which DOTA and HRSC take."""

import logging
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .curves import mean_over_classes, score_flags
from .matches import Matches, Range, Span, match_classes, true_false
from .tables import print_map_summary


def score_class(found: Matches, iou_thr: float, limits: Span | None, mode: str) -> dict[str, Any]:
    """``num_gts``, ``num_dets``, ``recall``, ``precision`` and ``ap`` of a class; see :func:`eval_rbbox_map`."""
    counted = ~found.ignored
    if limits is not None:
        counted = counted & ~limits.outside(found.gt_sides)
    num_gts = int(counted.sum())
    flags = score_flags(found.scores, *true_false(found, iou_thr, limits), num_gts, mode)
    return dict(num_gts=num_gts, num_dets=len(found.scores), **flags)


def score_headings(classes: Sequence[Matches], iou_thr: float, tolerance: float, mode: str) -> dict[str, float]:
    """``mAP_heading``: the mAP where detections must point as their object does; ``heading_error``, in degrees.

    The tolerance is in radians; the error is the mean over the detections that are right without it, NaN of none.
    """
    pointing = [found._replace(best=np.where(found.gaps <= tolerance, found.best, 0)) for found in classes]
    right = np.concatenate([found.gaps[true_false(found, iou_thr)[0]] for found in classes] or [np.zeros(0)])
    mean = mean_over_classes([score_class(found, iou_thr, None, mode) for found in pointing])
    return dict(mAP_heading=mean, heading_error=math.degrees(right.mean()) if len(right) else math.nan)


def _over_ranges(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One class's dicts of several ranges as one dict of arrays, a row for each range."""
    rows = ('num_gts', 'recall', 'precision', 'ap')
    stacked = {key: np.stack([result[key] for result in results]) for key in rows}
    return dict(stacked, num_dets=results[0]['num_dets'])


def side_span(sides: Range | None) -> Span | None:
    """The areas that a range of sides in pixels stands for."""
    return None if sides is None else Span(sides[0] ** 2, sides[1] ** 2)


def eval_rbbox_map(
    det_results: Sequence[Sequence[np.ndarray]],
    annotations: Sequence[dict],
    scale_ranges: Sequence[Range] | None = None,
    iou_thr: float = 0.5,
    use_07_metric: bool = True,
    dataset: Sequence[str] | None = None,
    logger: logging.Logger | str | None = None,
    nproc: int = 4,
) -> tuple[Any, list]:
    """Mean average precision of rotated boxes at one IoU threshold.

    Args:
        det_results: Per image a list over classes of (n, 6): x, y, w, h, theta, score.
        annotations: Per image a dict of ``bboxes`` (m, 5), ``labels`` (m,) and, optionally, ``bboxes_ignore``
            (k, 5), ``labels_ignore`` (k,): objects that count neither way.
        scale_ranges: Ranges (low, high) of sides in pixels, each scored by itself.
        iou_thr: IoU from which a detection is right.
        use_07_metric: 11 points (VOC 2007), else the area under the curve.
        dataset: Names of the classes for the table.
        logger: Where the table goes; None prints it, ``'silent'`` does not.
        nproc: Read for older configs; one process is fast, and never hangs.

    Returns:
        The mean over classes that have objects, and per class a dict of ``num_gts``, ``num_dets``, ``recall``,
        ``precision``, ``ap``. With scale ranges the mean is a list, and the values of a class but ``num_dets``
        are arrays with a row for each range.
    """
    classes = match_classes(det_results, annotations)
    mode = '11points' if use_07_metric else 'area'
    spans: Sequence[Range | None] = [None] if scale_ranges is None else scale_ranges
    per_range = [[score_class(found, iou_thr, side_span(span), mode) for found in classes] for span in spans]
    means = [mean_over_classes(results) for results in per_range]
    for results, mean, span in zip(per_range, means, spans, strict=True):
        print_map_summary(mean, results, dataset, span, logger)
    if scale_ranges is None:
        return means[0], per_range[0]
    return means, [_over_ranges(cls) for cls in zip(*per_range, strict=True)]


def eval_rbbox_map_thresholds(
    det_results: Sequence[Sequence[np.ndarray]],
    annotations: Sequence[dict],
    iou_thrs: Sequence[float],
    use_07_metric: bool = True,
) -> list[tuple[float, list[dict[str, Any]]]]:
    """Mean and dicts of the classes of :func:`eval_rbbox_map` per threshold, for one computation of overlaps."""
    classes = match_classes(det_results, annotations)
    mode = '11points' if use_07_metric else 'area'
    scored = [[score_class(found, thr, None, mode) for found in classes] for thr in iou_thrs]
    return [(mean_over_classes(results), results) for results in scored]
