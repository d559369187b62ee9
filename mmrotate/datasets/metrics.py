"""mAP of a dataset, at one threshold or several."""

import logging
from collections.abc import Sequence

import numpy as np

from mmrotate.core.evaluation import eval_rbbox_map, eval_rbbox_map_thresholds, print_map_summary
from mmrotate.utils import UserError
from mmrotate.utils.arguments import near_name

from .submission import Results, check_results

_COCO_THRESHOLDS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
# metric -> the IoU thresholds that it needs beside those of 'mAP'
METRICS: dict[str, tuple[float, ...]] = {'mAP': (), 'AP50': (0.5,), 'AP75': (0.75,), 'AP50:95': _COCO_THRESHOLDS}


class UnknownMetricError(UserError, KeyError):
    """A metric that does not exist; the message lists those that do."""

    __str__ = Exception.__str__  # that of KeyError puts quotes around the message


def evaluate_map(
    results: Results,
    annotations: Sequence[dict[str, np.ndarray]],
    classes: Sequence[str],
    metric: str | Sequence[str] = 'mAP',
    logger: logging.Logger | str | None = None,
    iou_thr: float | Sequence[float] = 0.5,
    scale_ranges: Sequence[tuple[float, float]] | None = None,
    use_07_metric: bool = True,
    nproc: int = 4,
) -> dict[str, float]:
    """Mean average precision over the classes that have objects.

    Args:
        results: per image a list over classes of arrays (n, 6): x, y, w, h, theta, score.
        annotations: per image dict(bboxes (n, 5), labels (n,), bboxes_ignore, labels_ignore).
        classes: class names.
        metric: 'mAP', 'AP50', 'AP75', 'AP50:95' (mean over the IoU thresholds 0.5, 0.55, ... 0.95), or a list of them.
        logger: where the table per class goes; None: standard output; 'silent': nowhere.
        iou_thr: IoU threshold of 'mAP' and of the table, or several: then 'mAP' is their mean, and the table is that
            of the first.
        scale_ranges: ranges (low, high) of the objects' sides in pixels, each scored by itself at the table's threshold
            under the key 'mAP_LOW_HIGH'.
        use_07_metric: mean of 11 points (VOC 2007), else the area under the curve.
        nproc: a 0.x name; one process is fast enough.

    Returns:
        'mAP' always; 'AP50', 'AP75' and 'AP50:95' where asked for by ``metric`` or covered by several thresholds.

    Raises:
        UnknownMetricError: an unknown metric; the message lists the known ones.
        ValueError: results that do not fit the annotations or classes.
    """
    del nproc
    metrics, wanted, thresholds = _settings(metric, iou_thr)
    check_results(results, len(annotations), classes)
    scored = eval_rbbox_map_thresholds(results, annotations, thresholds, use_07_metric)
    per_threshold = dict(zip(thresholds, scored, strict=True))
    _tell(f'mAP at IoU {wanted[0]:g}', logger)
    print_map_summary(*per_threshold[wanted[0]], classes, None, logger)
    scores = _scores({thr: mean for thr, (mean, _) in per_threshold.items()}, wanted, metrics)
    if scale_ranges is not None:
        means, _ = eval_rbbox_map(results, annotations, scale_ranges, wanted[0], use_07_metric, classes, logger)
        scores |= dict(zip(_range_names(scale_ranges), means, strict=True))
    return scores


def score_names(
    metric: str | Sequence[str], iou_thr: float | Sequence[float], scale_ranges: Sequence[tuple[float, float]] | None
) -> list[str]:
    """Keys of what :func:`evaluate_map` gives for these of its arguments; it raises the same errors."""
    metrics, wanted, thresholds = _settings(metric, iou_thr)
    return [*_scores(dict.fromkeys(thresholds, 0.0), wanted, metrics), *_range_names(scale_ranges or [])]


def _settings(
    metric: str | Sequence[str], iou_thr: float | Sequence[float]
) -> tuple[list[str], list[float], list[float]]:
    """Names of metrics, the IoU thresholds of 'mAP', and all thresholds that are needed, sorted."""
    metrics = [metric] if isinstance(metric, str) else list(metric)
    for name in metrics:
        if name not in METRICS:
            hint = near_name(str(name), METRICS, cutoff=0.5)
            raise UnknownMetricError(f'unknown metric {name!r}; {hint}known metrics: {list(METRICS)}')
    wanted = [round(float(thr), 4) for thr in np.atleast_1d(np.asarray(iou_thr, np.float64))]
    return metrics, wanted, sorted({*wanted, *(thr for name in metrics for thr in METRICS[name])})


def _range_names(scale_ranges: Sequence[tuple[float, float]]) -> list[str]:
    return [f'mAP_{low:g}_{high:g}' for low, high in scale_ranges]


def _scores(means: dict[float, float], wanted: list[float], metrics: list[str]) -> dict[str, float]:
    """Named scores from the means per threshold; ``wanted`` are the thresholds of 'mAP'."""
    scores = {'mAP': float(np.mean([means[thr] for thr in wanted]))}
    for name, needed in METRICS.items():
        asked = name in metrics or len(means) > 1
        if asked and needed and means.keys() >= set(needed):
            scores[name] = float(np.mean([means[thr] for thr in needed]))
    return scores


def _tell(text: str, logger: logging.Logger | str | None) -> None:
    if isinstance(logger, logging.Logger):
        logger.info(text)
    elif logger != 'silent':
        print(text)
