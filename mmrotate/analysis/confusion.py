"""Confusion matrices: which class is found as which, what is missed, and what is found where nothing is."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.figure import Figure
from tqdm import tqdm

from mmrotate.core.evaluation import all_objects, rotated_ious
from mmrotate.ops import nms_rotated

from .figures import new_figure
from .results import Judged

BACKGROUND = 'background'
COUNTINGS = ('once', 'pairs')


def confusion_matrix(
    judged: Judged,
    score_thr: float = 0.0,
    iou_thr: float = 0.5,
    nms_iou_thr: float | None = None,
    counting: str = 'once',
    progress: bool = False,
) -> np.ndarray:
    """How often an object of a class (row) is found as a class (column).

    The last column counts objects that were missed, the last row detections without an object. What lies at an object
    that is to be ignored, and at no other, does not count.

    Args:
        judged: Detections and objects.
        score_thr: Lowest score of a detection that counts.
        iou_thr: IoU from which a detection lies at an object.
        nms_iou_thr: Detections of a class that overlap more are thinned out first.
        counting: 'once': every object and every detection counts once, so that a row adds up to the objects of its
            class, a column to the detections of its class. Objects take detections of their own class first, then of
            others, the best-scored first; a second detection of an object has none. 'pairs', as MMRotate 0.3 counted:
            every pair that overlaps counts, and an object is missed if no detection of its own class lies at it.
        progress: Show a bar.

    Returns:
        (classes + 1, classes + 1) whole numbers.
    """
    count = {'once': _count_once, 'pairs': _count_pairs}[counting]
    size = len(judged.classes)
    matrix = np.zeros((size + 1, size + 1), np.int64)
    images = zip(judged.results, judged.annotations, strict=True)
    for result, annotation in tqdm(images, 'confusion', len(judged), disable=not progress, mininterval=1):
        dets, found_as = _detections(result, score_thr, nms_iou_thr)
        objects, labels, ignored = all_objects(annotation)
        near = rotated_ious(dets, objects)
        # of the detections at no other object those that are false
        free = np.logical_not((near[:, ignored] >= iou_thr).any(1))
        pairs = count(np.where(near[:, ~ignored] >= iou_thr, near[:, ~ignored], 0.0), found_as, labels[~ignored], free)
        for row, column in pairs:
            matrix[row, column] += 1
    return matrix


def _detections(
    result: Sequence[np.ndarray], score_thr: float, nms_iou_thr: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """Detections (n, 6) of an image and their classes (n,), the best-scored first."""
    kept = [_thinned(dets[dets[:, 5] >= score_thr], nms_iou_thr) for dets in result]
    dets, labels = np.concatenate(kept), np.repeat(np.arange(len(kept)), [len(each) for each in kept])
    order = np.argsort(-dets[:, 5], kind='stable')
    return dets[order], labels[order]


def _thinned(dets: np.ndarray, iou_thr: float | None) -> np.ndarray:
    if iou_thr is None or not len(dets):
        return dets
    boxes, scores = torch.from_numpy(dets[:, :5].copy()), torch.from_numpy(dets[:, 5].copy())
    return dets[nms_rotated(boxes, scores, iou_thr)[1].numpy()]


def _count_once(
    near: np.ndarray, found_as: np.ndarray, labels: np.ndarray, free: np.ndarray
) -> Iterator[tuple[int, int]]:
    """(row, column) of every object and of every detection without one; IoUs (n, m) are 0 where they are too small."""
    own = found_as[:, None] == labels
    taken = _pair_up(near * own)
    taken += _pair_up(near * ~own, taken)
    for det, target in taken:
        yield labels[target], found_as[det]
    for missed in set(range(len(labels))) - {target for _, target in taken}:
        yield labels[missed], -1
    for false in set(np.flatnonzero(free)) - {det for det, _ in taken}:
        yield -1, found_as[false]


def _pair_up(near: np.ndarray, taken: Sequence[tuple[int, int]] = ()) -> list[tuple[int, int]]:
    """Pairs of detections, which choose in their order, and objects; those of ``taken`` have been chosen."""
    near = near.copy()
    for det, target in taken:
        near[det], near[:, target] = 0, 0
    pairs = []
    for row in np.flatnonzero(near.any(1)):
        target = int(near[row].argmax())
        if near[row, target] > 0:
            pairs.append((int(row), target))
            near[:, target] = 0
    return pairs


def _count_pairs(
    near: np.ndarray, found_as: np.ndarray, labels: np.ndarray, free: np.ndarray
) -> Iterator[tuple[int, int]]:
    """As :func:`_count_once`, counted as 0.3 did."""
    for det, target in np.argwhere(near):
        yield labels[target], found_as[det]
    for false in np.flatnonzero(~near.any(1) & free):
        yield -1, found_as[false]
    own = near.astype(bool) & (found_as[:, None] == labels)
    for missed in np.flatnonzero(~own.any(0)):
        yield labels[missed], -1


def shares(matrix: np.ndarray) -> np.ndarray:
    """The matrix in percent of the sum of each row."""
    return 100 * matrix / matrix.sum(1, keepdims=True).clip(min=1)


def draw_confusion(
    matrix: np.ndarray,
    classes: Sequence[str],
    theme: str = 'plasma',
    title: str = 'Confusion matrix, % of each row',
    normalized: bool = True,
) -> Figure:
    """A picture of the matrix: colours are percent of each row, and its sum stands beside its name.

    Args:
        matrix: What :func:`confusion_matrix` gives.
        classes: Names.
        theme: Name of a colour map of matplotlib.
        title: Stands above.
        normalized: Numbers are percent of each row, else objects or detections.
    """
    percent, names = shares(matrix), [*classes, BACKGROUND]
    side = 3 + 0.5 * len(names)
    figure = new_figure(side + 1, side)
    axes = figure.add_subplot()
    colors = colormaps[theme]
    drawn = axes.imshow(percent, cmap=colors, vmin=0, vmax=100)
    figure.colorbar(drawn, ax=axes, shrink=0.8, label='% of the row')
    places = range(len(names))
    axes.set_xticks(places, names, rotation=45, ha='left', rotation_mode='anchor')
    axes.xaxis.tick_top()
    axes.set_yticks(places, [f'{name} ({count})' for name, count in zip(names, matrix.sum(1), strict=True)])
    axes.set_xlabel('found as')
    axes.set_ylabel('truth (number)')
    axes.set_title(title)
    for row, column in zip(*np.nonzero(matrix), strict=True):
        value = percent[row, column]
        red, green, blue, _ = colors(value / 100)
        ink = 'black' if 0.3 * red + 0.6 * green + 0.1 * blue > 0.5 else 'white'
        text = (f'{value:.0f}' if value >= 0.5 else '<1') if normalized else str(matrix[row, column])
        axes.text(column, row, text, ha='center', va='center', color=ink, fontsize=8)
    return figure
