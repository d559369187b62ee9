"""What is wrong with detections, kind by kind, and what each kind costs.

A detection is right or wrong exactly as the mAP has it. What is wrong is of the first of these kinds that fits:

==========  ===========================================================================================
duplicate   it lies at an object of its class that a better-scored detection has
class       it lies at an object of another class
angle       it would lie at an object of its class if it were turned as that is
location    it touches an object of its class (IoU of at least 0.1)
both        it touches an object of another class
background  it touches nothing
==========  ===========================================================================================

and an object that nothing has, and that no detection would have if its class, angle or location were mended, is
*missed*. To lie at an object is an IoU of at least the threshold of the mAP.
"""

import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from mmrotate.core.evaluation import (
    all_objects,
    match_image,
    mean_over_classes,
    of_class,
    rotated_ious,
    score_flags,
    true_false,
)

from .results import Judged
from .turns import turned, turns

KINDS = ('class', 'angle', 'location', 'both', 'duplicate', 'background', 'missed')
MENDABLE = ('class', 'angle', 'location')  # a mended detection lies at its object
RIGHT = 'right'
TOUCHES = 0.1


class Case(NamedTuple):
    """A detection, or an object that was missed."""

    image: int  # index
    kind: str  # one of KINDS, or RIGHT
    label: int  # class of the detection; of a missed object its own
    score: float  # NaN for a missed object
    box: np.ndarray  # (5,) of the detection; of a missed object its own
    target: int = -1  # index of the object in its image, -1: none
    target_label: int = -1
    target_box: np.ndarray | None = None
    iou: float = 0.0  # with that object
    turn: float = float('nan')  # degrees between the long sides of the two

    @property
    def subject(self) -> np.ndarray:
        """The box (5,) whose size and shape count: that of the object, if there is one."""
        return self.box if self.target_box is None else self.target_box


@dataclass(frozen=True)
class Errors:
    """Every detection that counts and every missed object of a set of images."""

    judged: Judged
    iou_thr: float
    mode: str  # of the average precision: 'area' or '11points'
    cases: list[Case]
    num_gts: list[int]  # objects of each class

    def of_kind(self, kind: str) -> list[Case]:
        """Cases of one kind."""
        return [case for case in self.cases if case.kind == kind]

    @functools.cached_property
    def detections(self) -> dict[str, np.ndarray]:
        """Columns (n,) of all detections, the best-scored first: kind, label, target_label, score, object."""
        found = [case for case in self.cases if case.kind != 'missed']
        names = ('kind', 'label', 'target_label', 'score', 'image', 'target')
        columns = {name: np.array([getattr(case, name) for case in found]) for name in names}
        columns['object'] = columns['image'] * (1 + columns['target'].max(initial=0)) + columns['target']
        order = np.argsort(-columns['score'], kind='stable')
        return {name: column[order] for name, column in columns.items()}


def find_errors(judged: Judged, iou_thr: float = 0.5, use_07_metric: bool = True, progress: bool = False) -> Errors:
    """Sort all detections and missed objects into :data:`KINDS`.

    Args:
        judged: Detections and objects.
        iou_thr: IoU from which a detection is right, as of the mAP.
        use_07_metric: 11 points (VOC 2007), else the area under the curve.
        progress: Show a bar.
    """
    cases: list[Case] = []
    counts = np.zeros(len(judged.classes), int)
    images = zip(judged.results, judged.annotations, strict=True)
    for i, (result, annotation) in enumerate(tqdm(images, 'errors', len(judged), disable=not progress, mininterval=1)):
        image = _Image(i, result, annotation, iou_thr)
        cases += image.cases()
        counts += np.bincount(image.labels, minlength=len(counts))
    return Errors(judged, iou_thr, '11points' if use_07_metric else 'area', cases, counts.tolist())


class _Image:
    """One image: its detections, the best-scored of a class first, and its objects that are not to be ignored."""

    def __init__(self, index: int, result: Sequence[np.ndarray], annotation: dict[str, Any], iou_thr: float) -> None:
        self.index, self.iou_thr = index, iou_thr
        objects, labels, ignored = all_objects(annotation)
        self.objects, self.labels = objects[~ignored], labels[~ignored]
        dets = [each[np.argsort(-each[:, 5], kind='stable')] for each in result]
        self.dets, self.found_as = np.concatenate(dets), np.repeat(np.arange(len(dets)), [len(each) for each in dets])
        flags = [
            true_false(match_image(each, *of_class(annotation, label)), iou_thr, None)
            for label, each in enumerate(dets)
        ]
        self.right, self.wrong = (np.concatenate(each) for each in zip(*flags, strict=True))
        self.ious = rotated_ious(self.dets, self.objects)
        self.own = self.found_as[:, None] == self.labels
        self.turns = turns(self.dets[:, None], self.objects[None])

    def cases(self) -> list[Case]:
        """All detections that count, then the missed objects."""
        kinds, targets = self._kinds()
        reached = set(targets[np.isin(kinds, (RIGHT, *MENDABLE))].tolist())
        missed = [i for i in range(len(self.labels)) if i not in reached]
        found = [self._case(row, kinds[row], targets[row]) for row in np.flatnonzero(kinds != '').tolist()]
        lost = [Case(self.index, 'missed', int(self.labels[i]), float('nan'), self.objects[i]) for i in missed]
        return found + lost

    def _kinds(self) -> tuple[np.ndarray, np.ndarray]:
        """Kind (n,) of each detection, empty for one that does not count, and its object (n,), -1 for none."""
        own, other = self.ious * self.own, self.ious * ~self.own
        levels = [
            ('duplicate', own, self.iou_thr),
            ('class', other, self.iou_thr),
            ('angle', self._turned_ious(own), self.iou_thr),
            ('location', own, TOUCHES),
            ('both', other, TOUCHES),
        ]
        kinds, targets = np.where(self.wrong, 'background', '').astype(object), np.full(len(self.dets), -1)
        if len(self.labels):
            for kind, ious, limit in reversed(levels):
                rows = self.wrong & (ious.max(1) >= limit)
                kinds[rows], targets[rows] = kind, ious[rows].argmax(1)
            kinds[self.right], targets[self.right] = RIGHT, own[self.right].argmax(1)
        return kinds, targets

    def _turned_ious(self, own: np.ndarray) -> np.ndarray:
        """IoUs (n, m) of wrong detections with objects of their class that they touch, were they turned as these."""
        ious = np.zeros_like(own)
        rows, columns = np.nonzero(own * self.wrong[:, None])
        objects = self.objects[columns]
        ious[rows, columns] = rotated_ious(turned(self.dets[rows, :5], objects), objects, aligned=True)
        return ious

    def _case(self, row: int, kind: str, target: int) -> Case:
        label, det = int(self.found_as[row]), self.dets[row]
        if target < 0:
            return Case(self.index, kind, label, float(det[5]), det[:5])
        box, turn, iou = self.objects[target], float(self.turns[row, target]), float(self.ious[row, target])
        return Case(self.index, kind, label, float(det[5]), det[:5], target, int(self.labels[target]), box, iou, turn)


class Scores(NamedTuple):
    """Average precision of each class (None without objects) and their mean."""

    mean: float
    classes: list[float | None]


def average_precisions(errors: Errors, mended: Sequence[str] = ()) -> Scores:
    """Average precisions, as the mAP has them or with the errors ``mended``; see :func:`mended_curves`."""
    curves = mended_curves(errors, mended)
    return Scores(mean_over_classes(curves), [curve['ap'] if curve['num_gts'] else None for curve in curves])


def mended_curves(errors: Errors, mended: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Per class ``num_gts``, ``recall``, ``precision`` and ``ap``, if there were no errors of the kinds ``mended``.

    Of the detections with a wrong class, angle or location the best-scored of a free object is right then, the others
    are gone, as are those of the other kinds; missed objects are not asked for.
    """
    found = errors.detections
    kept, hits = ~np.isin(found['kind'], mended), found['kind'] == RIGHT
    mendable = np.isin(found['kind'], [kind for kind in mended if kind in MENDABLE])
    free = np.flatnonzero(mendable & ~np.isin(found['object'], found['object'][hits]))
    _, best = np.unique(found['object'][free], return_index=True)
    fixed = free[best]
    labels = np.concatenate([found['label'][kept], found['target_label'][fixed]])
    scores = np.concatenate([found['score'][kept], found['score'][fixed]])
    right = np.concatenate([hits[kept], np.ones(len(fixed), bool)])
    missed = Counter(case.label for case in errors.of_kind('missed')) if 'missed' in mended else Counter()
    curves = []
    for label, count in enumerate(errors.num_gts):
        rows, num_gts = labels == label, count - missed[label]
        flags = score_flags(scores[rows], right[rows], ~right[rows], num_gts, errors.mode)
        curves.append({'num_gts': num_gts, **flags})
    return curves
