"""Mean average precision of rotated boxes, and its table."""

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from mmrotate.ops import box_iou_rotated
from mmrotate.utils import ArgumentError, get_root_logger

_FARTHEST = 1e9  # pixels; beyond, float32 cannot hold the corners and areas of a box
Range = tuple[float, float]


class _ImageMatches(NamedTuple):
    """One image and class, of n detections and m objects: what does not depend on the IoU threshold."""

    scores: np.ndarray  # (n,) in falling order
    areas: np.ndarray  # (n,) of the detections
    best: np.ndarray  # (n,) largest IoU with an object
    owner: np.ndarray  # (n,) that object; objects to ignore come last
    gt_areas: np.ndarray  # (m,) of the objects
    ignored: np.ndarray  # (m,) mask of the objects to ignore


def average_precision(recalls: np.ndarray, precisions: np.ndarray, mode: str = 'area') -> np.ndarray | float:
    """Average precision of one curve (n,), or of each of several (k, n).

    Args:
        recalls: Rising recalls.
        precisions: Their precisions.
        mode: ``'area'`` under the curve (VOC 2010 on), or ``'11points'`` (VOC 2007).
    """
    single = recalls.ndim == 1
    recalls, precisions = np.atleast_2d(recalls), np.atleast_2d(precisions)
    if mode == 'area':
        ends = np.zeros((len(recalls), 1))
        recall = np.hstack([ends, recalls, ends + 1])
        precision = np.hstack([ends, precisions, ends])
        envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        ap = (np.diff(recall, axis=1) * envelope[:, 1:]).sum(1)
    elif mode == '11points':
        points = np.arange(0, 1 + 1e-3, 0.1)
        reached = recalls[:, None] >= points[None, :, None]  # (k, 11, n)
        ap = np.where(reached, precisions[:, None], 0).max(-1, initial=0).mean(1)
    else:
        raise ArgumentError(f"mode must be 'area' or '11points', got {mode!r}")
    ap = ap.astype(np.float32)
    return ap[0] if single else ap


def rotated_ious(boxes: np.ndarray, others: np.ndarray, aligned: bool = False) -> np.ndarray:
    """IoUs (n, m) of boxes (n, 5) with others (m, 5), or (n,) of pairs if ``aligned``."""
    a, b = (torch.from_numpy(np.ascontiguousarray(each[:, :5], np.float32)) for each in (boxes, others))
    return box_iou_rotated(a, b, aligned=aligned).numpy()


def match_image(dets: np.ndarray, gts: np.ndarray, ignored: np.ndarray) -> _ImageMatches:
    """Overlaps of the detections (n, 6) with the objects (m, 5), of which a mask (m,) says whom to ignore."""
    order = np.argsort(-dets[:, -1], kind='stable')
    boxes = dets[order, :5]
    best, owner = np.zeros(len(boxes), np.float32), np.zeros(len(boxes), int)
    if len(boxes) and len(gts):
        ious = rotated_ious(boxes, gts)
        best, owner = ious.max(1), ious.argmax(1)
    areas, gt_areas = (b[:, 2] * b[:, 3] for b in (boxes, gts))
    return _ImageMatches(dets[order, -1], areas, best, owner, gt_areas, ignored)


def _outside(areas: np.ndarray, limits: Range | None) -> np.ndarray:
    if limits is None:
        return np.zeros(len(areas), bool)
    return (areas < limits[0]) | (areas >= limits[1])


def true_false(image: _ImageMatches, iou_thr: float, limits: Range | None) -> tuple[np.ndarray, np.ndarray]:
    """Masks (n,) of true and false positives; what touches an ignored object is neither."""
    true, false = np.zeros((2, len(image.scores)), bool)
    hit = image.best >= iou_thr if len(image.gt_areas) else np.zeros(len(true), bool)
    false[~hit & ~_outside(image.areas, limits)] = True
    skipped = image.ignored | _outside(image.gt_areas, limits)
    rows = np.flatnonzero(hit)
    rows = rows[~skipped[image.owner[rows]]]
    # the best-scored detection of an object is true, all further ones are false
    _, first = np.unique(image.owner[rows], return_index=True)
    true[rows[first]] = True
    false[np.delete(rows, first)] = True
    return true, false


def _score_class(images: Sequence[_ImageMatches], iou_thr: float, limits: Range | None, mode: str) -> dict[str, Any]:
    flags = [true_false(image, iou_thr, limits) for image in images]
    scores = np.concatenate([image.scores for image in images])
    true, false = (np.concatenate(field) for field in zip(*flags, strict=True))
    num_gts = sum(int((~image.ignored & ~_outside(image.gt_areas, limits)).sum()) for image in images)
    return dict(num_gts=num_gts, num_dets=len(scores), **score_flags(scores, true, false, num_gts, mode))


def score_flags(
    scores: np.ndarray, true: np.ndarray, false: np.ndarray, num_gts: int, mode: str = 'area'
) -> dict[str, Any]:
    """``recall``, ``precision`` and ``ap`` of detections (n,) of a class, of which masks (n,) say true or false."""
    order = np.argsort(-scores, kind='stable')
    hits, misses = true[order].cumsum(), false[order].cumsum()
    eps = np.finfo(np.float32).eps
    recall = hits / max(num_gts, eps)
    precision = hits / np.maximum(hits + misses, eps)
    return dict(recall=recall, precision=precision, ap=float(average_precision(recall, precision, mode)))


def _over_ranges(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One class's dicts of several ranges as one dict of arrays, a row for each range."""
    rows = ('num_gts', 'recall', 'precision', 'ap')
    stacked = {key: np.stack([result[key] for result in results]) for key in rows}
    return dict(stacked, num_dets=results[0]['num_dets'])


def of_class(annotation: dict, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Objects (m, 5) of a class in an image, and a mask (m,) of those to ignore."""
    kinds = ('', '_ignore') if annotation.get('labels_ignore') is not None else ('',)
    pairs = [[np.asarray(annotation[key + kind]) for key in ('bboxes', 'labels')] for kind in kinds]
    chosen = [boxes.reshape(-1, 5)[labels == index] for boxes, labels in pairs]
    return np.concatenate(chosen), np.arange(sum(map(len, chosen))) >= len(chosen[0])


def finite_results(results: Sequence[Sequence[np.ndarray]]) -> list[list[np.ndarray]]:
    """Detections without those whose score or box is not finite, or lies 1e9 pixels away: a warning counts them.

    They would count as hits, and no file can hold them. ``results`` and what is given hold per image a list over
    classes of arrays (n, 6): x, y, w, h, theta, score.
    """
    kept = [[_finite(np.asarray(dets).reshape(-1, 6)) for dets in per_class] for per_class in results]
    lost = [sum(map(len, old)) - sum(map(len, new)) for old, new in zip(results, kept, strict=True)]
    if any(lost):
        text = '%d detections in %d images have a score or box that is not finite: left out'
        get_root_logger().warning(text, sum(lost), sum(map(bool, lost)))
    return kept


def _finite(dets: np.ndarray) -> np.ndarray:
    fine = (np.abs(dets) < _FARTHEST).all(axis=1)  # false for NaN
    return dets if fine.all() else dets[fine]


def match_classes(
    det_results: Sequence[Sequence[np.ndarray]], annotations: Sequence[dict]
) -> list[list[_ImageMatches]]:
    """Overlaps of all detections and objects, per class and image; once for all thresholds."""
    if len(det_results) != len(annotations):
        raise ArgumentError(f'{len(det_results)} images have detections, but {len(annotations)} annotations')
    images = list(zip(finite_results(det_results), annotations, strict=True))
    return [
        [match_image(dets[i], *of_class(annotation, i)) for dets, annotation in images]
        for i in range(len(det_results[0]) if det_results else 0)
    ]


def mean_over_classes(results: Sequence[dict[str, Any]]) -> float:
    """Mean of the average precisions of the classes that have objects; 0.0 without any."""
    aps = [result['ap'] for result in results if result['num_gts'] > 0]
    return float(np.mean(aps)) if aps else 0.0


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
    images = match_classes(det_results, annotations)
    mode = '11points' if use_07_metric else 'area'
    spans: Sequence[Range | None] = [None] if scale_ranges is None else scale_ranges
    limits = [None if span is None else (span[0] ** 2, span[1] ** 2) for span in spans]
    per_range = [[_score_class(cls, iou_thr, r, mode) for cls in images] for r in limits]
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
    images = match_classes(det_results, annotations)
    mode = '11points' if use_07_metric else 'area'
    scored = [[_score_class(cls, thr, None, mode) for cls in images] for thr in iou_thrs]
    return [(mean_over_classes(results), results) for results in scored]


def print_map_summary(
    mean_ap: float,
    results: Sequence[dict[str, Any]],
    dataset: Sequence[str] | None = None,
    scale_range: Range | None = None,
    logger: logging.Logger | str | None = None,
) -> None:
    """Write objects, detections, recall and average precision of each class, and the mean.

    The arguments are results and settings of :func:`eval_rbbox_map`; ``scale_range`` is that of these results.
    """
    if logger == 'silent':
        return
    names = list(dataset) if dataset else [str(i) for i in range(len(results))]
    width = max([5, *map(len, names)])
    rule = f'+-{"-" * width}-+-------+--------+--------+-------+'
    lines = [rule, f'| {"class":<{width}} |   gts |   dets | recall |    ap |', rule]
    for name, result in zip(names, results, strict=True):
        recall = result['recall'][-1] if len(result['recall']) else 0.0
        lines.append(
            f'| {name:<{width}} | {result["num_gts"]:>5} | {result["num_dets"]:>6} '
            f'| {recall:>6.3f} | {result["ap"]:>5.3f} |'
        )
    lines += [rule, f'| {"mAP":<{width}} |       |        |        | {mean_ap:>5.3f} |', rule]
    if not any(result['num_gts'] for result in results):
        lines.append('no objects were annotated: this mAP says nothing')
    title = '' if scale_range is None else f'sides {scale_range[0]} to {scale_range[1]} px'
    text = '\n'.join([title, *lines])
    if isinstance(logger, logging.Logger):
        logger.info(text)
    else:
        print(text)
