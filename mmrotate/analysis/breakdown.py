"""Tables of errors: by kind, class, size and shape of the objects, and by how much boxes are turned."""

import itertools
import math
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from mmrotate.core.evaluation import all_objects

from .errors import KINDS, RIGHT, Errors, average_precisions
from .turns import aspect_ratios, directions

CONFIDENT = 'score >= 0.3'  # those that are mostly shown
# sides in pixels of a square as large as the object, and long over short sides
SIZES = (0.0, 16.0, 32.0, 96.0, math.inf)
ASPECTS = (1.0, 1.5, 3.0, 5.0, math.inf)
DEGREES = tuple(22.5 * i for i in range(9))  # of the long side
_NONE = np.zeros((0, 5), np.float32)


class Table(NamedTuple):
    """Rows under a head."""

    head: list[str]
    rows: list[list[Any]]

    def column(self, name: str) -> list[Any]:
        """The cells below a name."""
        return [row[self.head.index(name)] for row in self.rows]

    def __str__(self) -> str:
        cells = [self.head, *([_text(value) for value in row] for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = ['  '.join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
        return '\n'.join(lines)


def _text(value: Any) -> str:
    return '-' if value is None else f'{value:.3f}' if isinstance(value, float) else str(value)


def by_kind(errors: Errors) -> Table:
    """Number of errors of each kind, of those with a score of at least 0.3, and the mAP without them."""
    base = average_precisions(errors).mean
    rows = []
    for kind in KINDS:
        cases = errors.of_kind(kind)
        confident: int | None = sum(case.score >= 0.3 for case in cases)
        mended = average_precisions(errors, [kind]).mean
        rows.append([kind, len(cases), confident if kind != 'missed' else None, mended, mended - base])
    return Table(['kind', 'count', CONFIDENT, 'mAP if mended', 'gain'], rows)


def by_class(errors: Errors) -> Table:
    """Of each class objects, detections, AP, the number of errors of each kind, and what AP gains without them."""
    base = average_precisions(errors).classes
    mended = {kind: average_precisions(errors, [kind]).classes for kind in KINDS}
    counts = Counter((case.label, case.kind) for case in errors.cases)
    rows = []
    for label, name in enumerate(errors.judged.classes):
        found = sum(counts[label, kind] for kind in (RIGHT, *KINDS) if kind != 'missed')
        gains = [_gain(mended[kind][label], base[label]) for kind in KINDS]
        numbers = [counts[label, kind] for kind in KINDS]
        rows.append([name, errors.num_gts[label], found, base[label], *numbers, *gains])
    return Table(['class name', 'objects', 'detections', 'AP', *KINDS, *(f'gain {kind}' for kind in KINDS)], rows)


def _gain(mended: float | None, base: float | None) -> float | None:
    """None where there are no objects; where all objects of a class are missed, none are asked for in the end."""
    return None if base is None else (1.0 if mended is None else mended) - base


def by_size(errors: Errors) -> Table:
    """Objects, the share of them that is found, and errors, by the size of the object (of the detection without one).

    The size is the side in pixels of a square as large as the box.
    """
    return _grouped(errors, 'side in pixels', SIZES, lambda boxes: np.sqrt(boxes[:, 2] * boxes[:, 3]))


def by_shape(errors: Errors) -> Table:
    """As :func:`by_size`, by long over short side."""
    return _grouped(errors, 'long / short side', ASPECTS, aspect_ratios)


def by_angle(errors: Errors) -> Table:
    """As :func:`by_size`, by the direction of the long side in degrees; objects that are all but square count too."""
    return _grouped(errors, 'direction in degrees', DEGREES, directions)


def _grouped(
    errors: Errors, name: str, limits: tuple[float, ...], measure: Callable[[np.ndarray], np.ndarray]
) -> Table:
    objects = _groups(np.concatenate([_NONE, *map(_objects, errors.judged.annotations)]), limits, measure)
    totals = np.bincount(objects, minlength=len(limits) - 1)
    subjects = _groups(np.array([case.subject for case in errors.cases]).reshape(-1, 5), limits, measure)
    counts = Counter(zip((case.kind for case in errors.cases), subjects.tolist(), strict=True))
    rows = []
    for group, title in enumerate(range_names(limits)):
        recall = counts[RIGHT, group] / totals[group] if totals[group] else None
        rows.append([title, int(totals[group]), recall, *(counts[kind, group] for kind in KINDS)])
    return Table([name, 'objects', 'recall', *KINDS], rows)


def _objects(annotation: dict[str, np.ndarray]) -> np.ndarray:
    boxes, _, ignored = all_objects(annotation)
    return boxes[~ignored]


def _groups(boxes: np.ndarray, limits: tuple[float, ...], measure: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Index of the range between ``limits`` that holds the measure of each box."""
    return (np.digitize(measure(boxes), limits) - 1).clip(0, len(limits) - 2)


def range_names(limits: tuple[float, ...]) -> list[str]:
    """A name for each range between neighbours of ``limits``, e.g. '16-32', '96 on'."""
    pairs = itertools.pairwise(limits)
    return [f'{low:g} on' if math.isinf(high) else f'{low:g}-{high:g}' for low, high in pairs]


class Turns(NamedTuple):
    """By how much detections are turned against their objects, in degrees, and the ratio of the objects' sides."""

    right: np.ndarray  # of right detections
    wrong: np.ndarray  # of those that only their angle makes wrong
    right_aspects: np.ndarray
    wrong_aspects: np.ndarray


def all_turns(errors: Errors) -> Turns:
    """Turns of all detections that are right but for their angle."""
    cases = [errors.of_kind(kind) for kind in (RIGHT, 'angle')]
    degrees = [np.array([case.turn for case in each], float) for each in cases]
    boxes = [np.array([case.subject for case in each], np.float32).reshape(-1, 5) for each in cases]
    return Turns(*degrees, *map(aspect_ratios, boxes))


def by_turn(errors: Errors) -> Table:
    """By long over short side: by how much detections that are right but for their angle are turned."""
    turns = all_turns(errors)
    degrees = np.concatenate([turns.right, turns.wrong])
    wrong = np.repeat([False, True], [len(turns.right), len(turns.wrong)])
    aspects = np.concatenate([turns.right_aspects, turns.wrong_aspects])
    groups = (np.digitize(aspects, ASPECTS) - 1).clip(0, len(ASPECTS) - 2)
    rows: list[list[Any]] = []
    for group, name in enumerate(range_names(ASPECTS)):
        inside = groups == group
        values = degrees[inside]
        middle, far = np.percentile(values, [50, 90]) if len(values) else (None, None)
        share = float((values > 10).mean()) if len(values) else None
        rows.append([name, len(values), middle, far, share, int(wrong[inside].sum())])
    head = ['long / short side', 'detections', 'median degrees', '90% within degrees', 'share over 10', 'angle errors']
    return Table(head, rows)
