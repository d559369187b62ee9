"""Metrics by name: how each is computed, and the scores that it gives. docs/evaluation.md has them with sources."""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from mmrotate.core.evaluation import (
    AREAS,
    CocoScores,
    Range,
    Span,
    eval_coco,
    match_classes,
    mean_over_classes,
    print_map_summary,
    print_recalls,
    recalls_of,
    score_class,
    score_headings,
    side_span,
    tell,
)
from mmrotate.utils import UserError
from mmrotate.utils.arguments import near_name
from mmrotate.utils.errors import ArgumentError

from .submission import Results, check_results

COCO_THRESHOLDS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
Scores = dict[str, float]
Annotations = Sequence[dict[str, np.ndarray]]


class _OfMap(NamedTuple):
    """A metric beside 'mAP'."""

    thresholds: tuple[float, ...]  # its mean is over them
    mode: str | None = None  # of the average precision; None: as ``use_07_metric`` says


_OF_MAP = {
    'AP50': _OfMap((0.5,)),
    'AP75': _OfMap((0.75,)),
    'AP50:95': _OfMap(COCO_THRESHOLDS),
    'VOC07': _OfMap((0.5,), '11points'),
    'VOC12': _OfMap((0.5,), 'area'),
}
# names of MMDetection and of MMRotate 1.x
_FORMER = {'bbox': 'coco', 'DOTAMetric': 'mAP', 'RotatedCocoMetric': 'coco'}
_COCO_ITEMS = ('mAP', 'mAP_50', 'mAP_75', 'mAP_s', 'mAP_m', 'mAP_l')


class UnknownMetricError(UserError, KeyError):
    """A metric that does not exist; the message lists those that do."""

    __str__ = Exception.__str__  # that of KeyError puts quotes around the message


@dataclass(frozen=True)
class Asked:
    """What is asked of an evaluation.

    Args:
        metric: 'mAP'; 'AP50', 'AP75', 'AP50:95' (mean over the IoU thresholds 0.5, 0.55, ... 0.95); 'VOC07', 'VOC12'
            (at IoU 0.5, over 11 points or the area); 'coco' (or 'bbox'); 'proposal', 'proposal_fast', 'recall'; or
            several of these.
        iou_thr: IoU threshold, or several. 'mAP' is their mean, and its table is that of the first; of several there is
            'AP55' and the like of each too. None: ``usual`` for 'mAP', 0.5 for 'recall', 0.5, 0.55, ... 0.95 for the
            others.
        iou_thrs: another name of it.
        scale_ranges: ranges (low, high) of the objects' sides in pixels, each scored by itself at the table's threshold
            under the key 'mAP_LOW_HIGH'.
        ratio_ranges: the same of the ratio of the longer to the shorter side, 'mAP_ratio_LOW_HIGH'.
        use_07_metric: mean of 11 points (VOC 2007), else the area under the curve.
        proposal_nums: of 'coco', 'proposal', 'proposal_fast' and 'recall': how many detections of an image count.
        classwise: of 'coco': also 'CLASS_precision' of every class.
        metric_items: of 'coco' and 'proposal': the scores to give, such as 'mAP_75' or 'AR@100'.
        heading: of boxes with a front (angle version r360): also 'mAP_heading', where a detection is right only if it
            points where its object does, within so many degrees (True: 45), and 'heading_error', by how many degrees
            the right ones of 'mAP' are off in the mean. Both are at the table's threshold.
        usual: threshold or thresholds of 'mAP' where none are given.
    """

    metric: str | Sequence[str] = 'mAP'
    iou_thr: float | Sequence[float] | None = None
    iou_thrs: float | Sequence[float] | None = None
    scale_ranges: Sequence[Range] | None = None
    ratio_ranges: Sequence[Range] | None = None
    use_07_metric: bool = True
    proposal_nums: int | Sequence[int] | None = None
    classwise: bool = False
    metric_items: str | Sequence[str] | None = None
    heading: bool | float = False
    usual: float | Sequence[float] = 0.5

    @functools.cached_property
    def metrics(self) -> list[str]:
        """Names of the metrics, checked together with the options that belong to them."""
        given = [self.metric] if isinstance(self.metric, str) else list(self.metric)
        known = ['mAP', *_OF_MAP, *_OTHERS, *_FORMER]
        for name in given:
            if name not in known:
                hint = near_name(str(name), known, cutoff=0.5)
                raise UnknownMetricError(f'unknown metric {name!r}; {hint}known metrics: {known}')
        names = list(dict.fromkeys(_FORMER.get(name, name) for name in given))
        if len(recalls := [name for name in names if name in _OTHERS and name != 'coco']) > 1:
            raise ArgumentError(f'{recalls} give scores of the same names: ask for one of them at a time')
        self._check_options(names)
        return names

    def _check_options(self, names: Sequence[str]) -> None:
        """Refuse an option that none of the metrics takes."""
        of_map = bool({'mAP', *_OF_MAP} & set(names))
        takers = {
            'scale_ranges': of_map,
            'ratio_ranges': of_map,
            'heading': of_map,
            'classwise': 'coco' in names,
            'metric_items': bool({'coco', 'proposal'} & set(names)),
        }
        for option, taken in takers.items():
            if getattr(self, option) and not taken:
                raise ArgumentError(f'{option}={getattr(self, option)!r} is for no metric of {list(names)}')

    def thresholds(self, usual: float | Sequence[float]) -> list[float]:
        """IoU thresholds, those that are given or the usual ones."""
        if self.iou_thr is not None and self.iou_thrs is not None:
            raise ArgumentError('iou_thr and iou_thrs are two names of one option: give one of them')
        given = self.iou_thrs if self.iou_thr is None else self.iou_thr
        values = [round(float(v), 4) for v in np.atleast_1d(np.asarray(usual if given is None else given, np.float64))]
        if not values or not all(0 < value <= 1 for value in values):
            raise ArgumentError(f'IoU thresholds are numbers above 0, up to 1, got {given!r}')
        return values

    @property
    def numbers(self) -> list[int]:
        """Rising numbers of detections."""
        given = (100, 300, 1000) if self.proposal_nums is None else self.proposal_nums
        numbers = sorted({int(number) for number in np.atleast_1d(np.asarray(given))})
        if not numbers or numbers[0] < 1:
            raise ArgumentError(f'proposal_nums are whole numbers from 1 on, got {given!r}')
        return numbers


def evaluate_results(
    results: Results, annotations: Annotations, classes: Sequence[str], asked: Asked, logger: Any = None
) -> Scores:
    """Scores by name.

    Args:
        results: per image a list over classes of arrays (n, 6): x, y, w, h, theta, score.
        annotations: per image dict(bboxes (n, 5), labels (n,), bboxes_ignore, labels_ignore).
        classes: class names.
        asked: metrics and their options.
        logger: where tables go; None: standard output; 'silent': nowhere.

    Returns:
        Of the metrics of mAP: 'mAP' always; 'AP50', 'AP75' and 'AP50:95' where asked for or covered by several
        thresholds, of which each has one; 'VOC07' and 'VOC12' where asked for. 'coco': 'bbox_mAP', 'bbox_mAP_50' and
        so on; 'proposal' and 'proposal_fast': 'AR@100' and so on; 'recall': 'recall@100@0.5' and so on.

    Raises:
        UnknownMetricError: an unknown metric; the message lists the known ones.
        ArgumentError: options that cannot be, or that no metric takes.
        ValueError: results that do not fit the annotations or classes.
    """
    metrics = asked.metrics
    check_results(results, len(annotations), classes)
    scores: Scores = {}
    if {'mAP', *_OF_MAP} & set(metrics):
        scores |= _score_map(results, annotations, classes, asked, logger)
    for name in metrics:
        if name in _OTHERS:
            scores |= _OTHERS[name](results, annotations, classes, asked, logger)
    return scores


def score_names(asked: Asked, classes: Sequence[str]) -> list[str]:
    """Keys of what :func:`evaluate_results` gives; it raises the same errors."""
    return list(evaluate_results([], [], classes, asked, 'silent'))


def _score_map(results: Results, annotations: Annotations, classes: Sequence[str], asked: Asked, logger: Any) -> Scores:
    found = match_classes(results, annotations)
    usual_mode = '11points' if asked.use_07_metric else 'area'

    @functools.cache
    def per_class(threshold: float, mode: str = usual_mode, span: Span | None = None) -> list[dict[str, Any]]:
        whole = (score_class(each, threshold, span, mode) for each in found)
        return [dict(result, recall=result['recall'][-1:], precision=None) for result in whole]  # curves are large

    def mean(thresholds: Sequence[float], mode: str | None = None) -> float:
        return float(np.mean([mean_over_classes(per_class(thr, mode or usual_mode)) for thr in thresholds]))

    wanted = asked.thresholds(asked.usual)
    tell(f'mAP at IoU {wanted[0]:g}', logger)
    print_map_summary(mean(wanted[:1]), per_class(wanted[0]), classes if found else None, None, logger)
    needed = [of for name, of in _OF_MAP.items() if name in asked.metrics and of.mode is None]
    covered = {*wanted, *(threshold for of in needed for threshold in of.thresholds)}
    scores = {'mAP': mean(wanted)}
    if len(wanted) > 1:
        scores |= {f'AP{100 * threshold:g}': mean([threshold]) for threshold in wanted}
    for name, (thresholds, mode) in _OF_MAP.items():
        if name in asked.metrics or (mode is None and len(covered) > 1 and covered.issuperset(thresholds)):
            scores[name] = mean(thresholds, mode)
    if asked.heading:
        tolerance = 45.0 if asked.heading is True else float(asked.heading)
        scores |= score_headings(found, wanted[0], math.radians(tolerance), usual_mode)
        tell(f'mAP_heading {scores["mAP_heading"]:.3f}, heading_error {scores["heading_error"]:.1f} degrees', logger)
    for name, span in _spans(asked):
        of_span = per_class(wanted[0], usual_mode, span)
        scores[name] = mean_over_classes(of_span)
        tell(name, logger)
        print_map_summary(scores[name], of_span, classes if found else None, None, logger)
    return scores


def _spans(asked: Asked) -> list[tuple[str, Span | None]]:
    """Ranges of objects that are scored by themselves, with the names of the scores."""
    sides = [(f'mAP_{low:g}_{high:g}', side_span((low, high))) for low, high in asked.scale_ranges or ()]
    return [*sides, *((f'mAP_ratio_{a:g}_{b:g}', Span(a, b, 'ratio')) for a, b in asked.ratio_ranges or ())]


def _score_coco(
    results: Results, annotations: Annotations, classes: Sequence[str], asked: Asked, logger: Any
) -> Scores:
    thresholds, numbers = sorted(asked.thresholds(COCO_THRESHOLDS)), asked.numbers
    found = eval_coco(results, annotations, thresholds, numbers)
    wanted = [name for name in _COCO_ITEMS if name in _coco_items(thresholds, numbers)]
    scores = _chosen_items(found, thresholds, numbers, asked.metric_items or wanted, 'bbox_')
    of_classes = [
        found._replace(precision=found.precision[:, [i]], recall=found.recall[:, [i]])
        for i in range(found.precision.shape[1])
    ]
    aps = [of_class.mean('precision', number=0) for of_class in of_classes]
    if asked.classwise:
        scores |= {f'{name}_precision': aps[i] if aps else -1.0 for i, name in enumerate(classes)}
    if of_classes:
        tell(f'average precision of COCO, mean over IoU {thresholds[0]:g} to {thresholds[-1]:g}', logger)
        counts = zip(found.num_gts.tolist(), found.num_dets.tolist(), aps, of_classes, strict=True)
        rows = [dict(num_gts=g, num_dets=d, ap=ap, recall=[of.mean('recall')]) for g, d, ap, of in counts]
        print_map_summary(found.mean('precision', number=0), rows, classes, None, logger)
    return scores


def _score_proposals(
    results: Results, annotations: Annotations, classes: Sequence[str], asked: Asked, logger: Any
) -> Scores:
    thresholds, numbers = sorted(asked.thresholds(COCO_THRESHOLDS)), asked.numbers
    found = eval_coco(results, annotations, thresholds, numbers, class_agnostic=True)
    wanted = [name for name in _coco_items(thresholds, numbers) if name.startswith('AR')]
    return _chosen_items(found, thresholds, numbers, asked.metric_items or wanted, '')


def _coco_items(thresholds: Sequence[float], numbers: Sequence[int]) -> dict[str, Callable[[CocoScores], float]]:
    """The scores of COCO by name. 'mAP' is of the first of the numbers of detections, all others of the last."""
    sizes = [area for area in AREAS if area != 'all']
    at = {f'mAP_{100 * thr:g}': i for i, thr in enumerate(thresholds)}
    return {
        'mAP': lambda found: found.mean('precision', number=0),
        **{name: functools.partial(CocoScores.mean, of='precision', threshold=i) for name, i in at.items()},
        **{f'mAP_{area}': functools.partial(CocoScores.mean, of='precision', area=area) for area in sizes},
        **{f'AR@{n}': functools.partial(CocoScores.mean, of='recall', number=i) for i, n in enumerate(numbers)},
        **{f'AR_{area}@{numbers[-1]}': functools.partial(CocoScores.mean, of='recall', area=area) for area in sizes},
    }


def _chosen_items(
    found: CocoScores, thresholds: Sequence[float], numbers: Sequence[int], wanted: str | Sequence[str], prefix: str
) -> Scores:
    items = _coco_items(thresholds, numbers)
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    if unknown := [name for name in names if name not in items]:
        raise ArgumentError(f'metric_items: there is no {unknown[0]!r}; known are {list(items)}')
    return {prefix + name: items[name](found) for name in names}


def _score_recall(
    results: Results, annotations: Annotations, classes: Sequence[str], asked: Asked, logger: Any
) -> Scores:
    del classes
    thresholds, numbers = asked.thresholds(0.5), asked.numbers
    recalls = recalls_of(results, annotations, numbers, thresholds)
    print_recalls(recalls, numbers, thresholds, logger)
    scores = {
        f'recall@{number}@{threshold:g}': float(recalls[k, t])
        for k, number in enumerate(numbers)
        for t, threshold in enumerate(thresholds)
    }
    return scores | (_mean_recalls(recalls, numbers) if len(thresholds) > 1 else {})


def _score_fast_recall(
    results: Results, annotations: Annotations, classes: Sequence[str], asked: Asked, logger: Any
) -> Scores:
    del classes
    thresholds, numbers = asked.thresholds(COCO_THRESHOLDS), asked.numbers
    recalls = recalls_of(results, annotations, numbers, thresholds)
    print_recalls(recalls, numbers, thresholds, logger)
    return _mean_recalls(recalls, numbers)


def _mean_recalls(recalls: np.ndarray, numbers: Sequence[int]) -> Scores:
    return {f'AR@{number}': float(row.mean()) for number, row in zip(numbers, recalls, strict=True)}


_OTHERS: dict[str, Callable[..., Scores]] = {
    'coco': _score_coco,
    'proposal': _score_proposals,
    'proposal_fast': _score_fast_recall,
    'recall': _score_recall,
}
