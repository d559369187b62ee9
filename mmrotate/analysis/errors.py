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

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from mmrotate.core.evaluation import match_image, mean_over_classes, of_class, rotated_ious, score_flags, true_false

from .confusion import all_objects
from .results import Judged
from .turns import turned, turns

WRONG = ('class', 'angle', 'location', 'both', 'duplicate', 'background')
KINDS = (*WRONG, 'missed')
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


class Errors(NamedTuple):
    """Every detection that counts and every missed object of a set of images."""

    judged: Judged
    iou_thr: float
    mode: str  # of the average precision: 'area' or '11points'
    cases: list[Case]
    num_gts: list[int]  # objects of each class

    def of_kind(self, kind: str) -> list[Case]:
        """Cases of one kind."""
        return [case for case in self.cases if case.kind == kind]


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

    def cases(self) -> list[Case]:
        """All detections that count, then the missed objects."""
        own, other = self.ious * self.own, self.ious * ~self.own
        kinds, targets = np.full(len(self.dets), RIGHT, object), _best(own)
        for row in np.flatnonzero(self.wrong).tolist():
            kinds[row], targets[row] = self._kind(row, own[row], other[row])
        rows = np.flatnonzero(self.right | self.wrong).tolist()
        found = [self._case(row, kinds[row], int(targets[row])) for row in rows]
        reached = {case.target for case in found if case.kind in (RIGHT, *MENDABLE)}
        missed = sorted(set(range(len(self.labels))) - reached)
        return found + [Case(self.index, 'missed', int(self.labels[i]), float('nan'), self.objects[i]) for i in missed]

    def _kind(self, row: int, own: np.ndarray, other: np.ndarray) -> tuple[str, int]:
        """Kind and object of a wrong detection with IoUs (m,) with the objects of its class and with the others."""
        if not len(self.labels):
            return 'background', -1
        if own.max() >= self.iou_thr:
            return 'duplicate', int(own.argmax())
        if other.max() >= self.iou_thr:
            return 'class', int(other.argmax())
        mended = self._turned_ious(row, own)
        if mended.max() >= self.iou_thr:
            return 'angle', int(mended.argmax())
        for kind, ious in (('location', own), ('both', other)):
            if ious.max() >= TOUCHES:
                return kind, int(ious.argmax())
        return 'background', -1

    def _turned_ious(self, row: int, own: np.ndarray) -> np.ndarray:
        """IoUs (m,) of a detection with the objects of its class that it touches at all, if it were turned as they."""
        ious, near = np.zeros_like(own), np.flatnonzero(own)
        if len(near):
            boxes = np.repeat(self.dets[row : row + 1, :5], len(near), 0)
            ious[near] = rotated_ious(turned(boxes, self.objects[near]), self.objects[near], aligned=True)
        return ious

    def _case(self, row: int, kind: str, target: int) -> Case:
        det, label = self.dets[row], int(self.found_as[row])
        if target < 0:
            return Case(self.index, kind, label, float(det[5]), det[:5])
        box = self.objects[target]
        turn = float(turns(det[None, :5], box[None])[0])
        iou = float(self.ious[row, target])
        return Case(self.index, kind, label, float(det[5]), det[:5], target, int(self.labels[target]), box, iou, turn)


def _best(ious: np.ndarray) -> np.ndarray:
    """Column of the largest of each row (n, m), -1 where there are none."""
    return ious.argmax(1) if ious.shape[1] else np.full(len(ious), -1)


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
    rows: list[list[tuple[float, bool]]] = [[] for _ in errors.num_gts]
    taken = {(case.image, case.target) for case in errors.cases if case.kind == RIGHT}
    missed = errors.of_kind('missed') if 'missed' in mended else []
    lost = np.bincount([case.label for case in missed], minlength=len(rows))
    for case in sorted((case for case in errors.cases if case.kind != 'missed'), key=lambda case: -case.score):
        if case.kind not in mended:
            rows[case.label].append((case.score, case.kind == RIGHT))
        elif case.kind in MENDABLE and (case.image, case.target) not in taken:
            taken.add((case.image, case.target))
            rows[case.target_label].append((case.score, True))
    num_gts = [count - int(gone) for count, gone in zip(errors.num_gts, lost, strict=True)]
    return [_curve(row, count, errors.mode) for row, count in zip(rows, num_gts, strict=True)]


def _curve(rows: Sequence[tuple[float, bool]], num_gts: int, mode: str) -> dict[str, Any]:
    scores, right = np.array([score for score, _ in rows]), np.array([flag for _, flag in rows], bool)
    return {'num_gts': num_gts, **score_flags(scores, right, ~right, num_gts, mode)}
