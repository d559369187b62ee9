"""From detections that are right or wrong to a curve of precision over recall, and its average."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmrotate.utils.errors import ArgumentError

# the recalls at which precision is read, by mode
_POINTS = {'11points': np.arange(0, 1 + 1e-3, 0.1), '101points': np.linspace(0, 1, 101)}


def average_precision(recalls: np.ndarray, precisions: np.ndarray, mode: str = 'area') -> np.ndarray | float:
    """Average precision of one curve (n,), or of each of several (k, n).

    Args:
        recalls: Rising recalls.
        precisions: Their precisions.
        mode: ``'area'`` under the curve (VOC 2010 on), or the mean of the best precisions from each of 11 recalls on,
            ``'11points'`` (VOC 2007), or of 101, ``'101points'`` (COCO).
    """
    if mode != 'area' and mode not in _POINTS:
        raise ArgumentError(f"mode must be 'area', {' or '.join(map(repr, _POINTS))}, got {mode!r}")
    curves = zip(np.atleast_2d(recalls), np.atleast_2d(precisions), strict=True)
    ap = np.array([_average(recall, precision, mode) for recall, precision in curves], np.float32)
    return ap[0] if recalls.ndim == 1 else ap


def _average(recall: np.ndarray, precision: np.ndarray, mode: str) -> float:
    # the best precision from each recall on; 0 where no recall is so high
    envelope = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    if mode == 'area':
        return float((np.diff(recall, prepend=0.0) * envelope[:-1]).sum())
    return float(envelope[np.searchsorted(recall, _POINTS[mode])].mean())


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


def sorted_average(true: np.ndarray, false: np.ndarray, num_gts: int, mode: str) -> tuple[float, float]:
    """Average precision and highest recall of detections (n,) in falling order, of which masks say true or false.

    Only what is true can be the best from a recall on: no curve of all is needed.
    """
    at = np.flatnonzero(true)
    hits = np.arange(1, len(at) + 1)
    precision = hits / (hits + np.cumsum(false, dtype=np.int32)[at])
    return _average(hits / num_gts, precision, mode), len(at) / num_gts


def mean_over_classes(results: Sequence[dict[str, Any]]) -> float:
    """Mean of the average precisions of the classes that have objects; 0.0 without any."""
    aps = [result['ap'] for result in results if result['num_gts'] > 0]
    return float(np.mean(aps)) if aps else 0.0
