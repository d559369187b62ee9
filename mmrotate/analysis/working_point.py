"""How precision and recall follow from the lowest score that counts, and which score is the best."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from mmrotate.core.evaluation import eval_rbbox_map_thresholds

from .breakdown import Table
from .results import Judged

IOU_THRESHOLDS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
SCORES = np.linspace(0, 1, 201)
RECALLS = np.linspace(0, 1, 101)


class ScoreCurves(NamedTuple):
    """Of each class (row) precision, recall and F1 at :data:`SCORES`, and precision at :data:`RECALLS`.

    A class without objects has no values (NaN), nor has precision where nothing is found.
    """

    classes: list[str]
    objects: list[int]
    precision: np.ndarray  # (classes, 201)
    recall: np.ndarray
    f1: np.ndarray
    over_recall: np.ndarray  # (classes, 101): the highest precision at this recall or beyond
    aps: np.ndarray  # (classes, 10) at IOU_THRESHOLDS
    iou_thr: float  # from which on a detection is right in the curves

    @property
    def best(self) -> int:
        """Index of the score with the highest F1, mean over the classes with objects."""
        return int(self.mean_f1.argmax())

    @property
    def best_score(self) -> float:
        """That score."""
        return float(SCORES[self.best])

    @property
    def mean_f1(self) -> np.ndarray:
        """Mean over the classes with objects (201,)."""
        return mean_over_rows(np.nan_to_num(self.f1)[np.array(self.objects) > 0])


def mean_over_rows(values: np.ndarray) -> np.ndarray:
    """Mean of the rows (n, m), leaving out NaN; 0 where nothing is left."""
    known = np.isfinite(values)
    return np.where(known, values, 0).sum(0) / known.sum(0).clip(min=1)


def score_curves(judged: Judged, iou_thr: float = 0.5, use_07_metric: bool = True) -> ScoreCurves:
    """Curves of all classes.

    Args:
        judged: Detections and objects.
        iou_thr: IoU from which a detection is right in the curves; the average precisions have thresholds of their own.
        use_07_metric: Average precision by 11 points (VOC 2007), else the area under the curve.
    """
    thresholds = (*IOU_THRESHOLDS, iou_thr)
    scored = eval_rbbox_map_thresholds(judged.results, judged.annotations, thresholds, use_07_metric)
    aps = np.array([[each['ap'] if each['num_gts'] else np.nan for each in results] for _, results in scored[:-1]])
    rows = [
        _of_class(np.concatenate([dets[label][:, 5] for dets in judged.results]), result)
        for label, result in enumerate(scored[-1][1])
    ]
    precision, recall, f1, over_recall = (np.array(part) for part in zip(*rows, strict=True))
    objects = [result['num_gts'] for result in scored[-1][1]]
    return ScoreCurves(list(judged.classes), objects, precision, recall, f1, over_recall, aps.T, iou_thr)


def _of_class(scores: np.ndarray, result: dict[str, Any]) -> Sequence[np.ndarray]:
    """Precision, recall, F1 over scores, and precision over recall, of one class."""
    counts = np.searchsorted(np.sort(-scores), -SCORES, side='right')  # detections from each score on
    recall, precision = (np.concatenate([[0.0], result[key]])[counts] for key in ('recall', 'precision'))
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    envelope = np.maximum.accumulate(result['precision'][::-1])[::-1]
    places = np.searchsorted(result['recall'], RECALLS - 1e-9)
    over_recall = np.concatenate([envelope, [0.0]])[places]
    precision = np.where(counts > 0, precision, np.nan)
    if not result['num_gts']:
        recall, f1, over_recall = (np.full_like(each, np.nan) for each in (recall, f1, over_recall))
    return precision, recall, f1, over_recall


def class_table(curves: ScoreCurves) -> Table:
    """Of each class, and their mean: objects, P, R and F1 at the best score, AP50, AP75 and AP50:95 (None: none)."""
    at = curves.best
    columns = [curves.precision[:, at], curves.recall[:, at], curves.f1[:, at]]
    columns += [curves.aps[:, 0], curves.aps[:, 5], curves.aps.mean(1)]
    values = np.stack(columns, 1)
    has_objects = np.array(curves.objects) > 0
    rows = [
        [name, count, *_cells(row if count else np.full(6, np.nan))]
        for name, count, row in zip(curves.classes, curves.objects, values, strict=True)
    ]
    mean = mean_over_rows(np.nan_to_num(values[has_objects]))
    rows.append(['mean', sum(curves.objects), *_cells(mean)])
    return Table(['class name', 'objects', 'P', 'R', 'F1', 'AP50', 'AP75', 'AP50:95'], rows)


def _cells(values: np.ndarray) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def curve_tables(curves: ScoreCurves) -> dict[str, Table]:
    """The curves as numbers: over the lowest score that counts, and precision over recall."""
    by_score, by_recall = [], []
    for label, name in enumerate(curves.classes):
        parts = zip(SCORES, curves.precision[label], curves.recall[label], curves.f1[label], strict=True)
        by_score += [[name, *map(float, part)] for part in parts]
        by_recall += [[name, *map(float, pair)] for pair in zip(RECALLS, curves.over_recall[label], strict=True)]
    return {
        'score_curves': Table(['class name', 'score from', 'precision', 'recall', 'F1'], by_score),
        'precision_recall': Table(['class name', 'recall', 'precision'], by_recall),
    }
