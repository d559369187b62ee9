"""Detections and objects of an image in columns, all classes together."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from mmrotate.core.bbox.class_overlaps import overlaps_in_classes
from mmrotate.utils import get_root_logger

_FARTHEST = 1e9  # pixels; beyond, float32 cannot hold the corners and areas of a box


class Image(NamedTuple):
    """One image, of n detections and m objects."""

    dets: np.ndarray  # (n, 6): x, y, w, h, theta, score
    labels: np.ndarray  # (n,)
    gts: np.ndarray  # (m, 5)
    gt_labels: np.ndarray  # (m,)
    ignored: np.ndarray  # (m,) mask of the objects to ignore, which come last

    def overlaps(self, mode: str = 'iou', chosen: slice | np.ndarray = slice(None)) -> Iterator[tuple[int, np.ndarray]]:
        """Overlaps of detections with the ``chosen`` objects: see :func:`.overlaps_in_classes`."""
        return overlaps_in_classes(self.dets, self.labels, self.gts[chosen], self.gt_labels[chosen], mode)


class Table:
    """Columns that grow, image by image.

    Lists of small arrays would leave holes in the memory between them that the overlaps of the next image do not fit
    into: it grew by these overlaps.

    Args:
        kinds: Type of a value of each column, and perhaps its shape.
    """

    def __init__(self, *kinds: Any) -> None:
        self._columns = [np.empty(1024, kind) for kind in kinds]
        self._used = 0

    def __len__(self) -> int:
        return self._used

    def add(self, *columns: np.ndarray) -> None:
        """Append rows, given by columns of equal length."""
        end = self._used + len(columns[0])
        for i, column in enumerate(columns):
            if end > len(self._columns[i]):
                larger = np.empty((2 * end, *self._columns[i].shape[1:]), self._columns[i].dtype)
                larger[: self._used] = self._columns[i][: self._used]
                self._columns[i] = larger
            self._columns[i][self._used : end] = column
        self._used = end

    @property
    def columns(self) -> list[np.ndarray]:
        """What the columns hold by now."""
        return [column[: self._used] for column in self._columns]


SIDES = np.dtype((np.float32, 2))  # of a box, in pixels


def pairs_from(overlaps: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns and values (p,) of the overlaps (n, m) that are so large at least, by rows."""
    flat = overlaps.ravel()
    index = np.flatnonzero(flat >= least)  # many times faster than nonzero of two dimensions
    rows, columns = np.divmod(index, overlaps.shape[1])
    return rows, columns, flat[index]


def read_images(
    det_results: Iterable[Sequence[np.ndarray]], annotations: Iterable[dict[str, Any]], class_agnostic: bool = False
) -> Iterator[Image]:
    """Image after image; detections that are not finite are left out, and counted in a warning at the end.

    Args:
        det_results: Per image a list over classes of (n, 6): x, y, w, h, theta, score.
        annotations: Per image a dict as :func:`all_objects` takes it.
        class_agnostic: Give all detections and objects the label 0.
    """
    lost = []
    for per_class, annotation in zip(det_results, annotations, strict=True):
        found = [np.asarray(dets).reshape(-1, 6) for dets in per_class]
        dets = np.concatenate(found) if found else np.zeros((0, 6), np.float32)
        labels = np.repeat(np.arange(len(found)), [len(each) for each in found])
        fine = _is_finite(dets)
        lost.append(len(dets) - int(fine.sum()))
        if lost[-1]:
            dets, labels = dets[fine], labels[fine]
        gts, gt_labels, ignored = all_objects(annotation)
        if class_agnostic:
            labels, gt_labels = np.zeros_like(labels), np.zeros_like(gt_labels)
        yield Image(dets, labels, gts, gt_labels, ignored)
    _tell_lost(lost)


def all_objects(annotation: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Objects (m, 5) of an image, their labels (m,), and a mask (m,) of those to ignore, which come last.

    ``annotation`` has ``bboxes`` and ``labels`` and, for those to ignore, perhaps ``bboxes_ignore`` and
    ``labels_ignore``.
    """
    kinds = ('', '_ignore') if annotation.get('labels_ignore') is not None else ('',)
    boxes = [np.asarray(annotation['bboxes' + kind], np.float32).reshape(-1, 5) for kind in kinds]
    labels = [np.asarray(annotation['labels' + kind], np.int64).reshape(-1) for kind in kinds]
    return np.concatenate(boxes), np.concatenate(labels), np.arange(sum(map(len, boxes))) >= len(boxes[0])


def of_class(annotation: dict, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Objects (m, 5) of a class in an image, and a mask (m,) of those to ignore."""
    boxes, labels, ignored = all_objects(annotation)
    return boxes[labels == index], ignored[labels == index]


def finite_results(results: Sequence[Sequence[np.ndarray]]) -> list[list[np.ndarray]]:
    """Detections without those whose score or box is not finite, or lies 1e9 pixels away: a warning counts them.

    They would count as hits, and no file can hold them. ``results`` and what is given hold per image a list over
    classes of arrays (n, 6): x, y, w, h, theta, score.
    """
    kept = [[_finite(np.asarray(dets).reshape(-1, 6)) for dets in per_class] for per_class in results]
    _tell_lost([sum(map(len, old)) - sum(map(len, new)) for old, new in zip(results, kept, strict=True)])
    return kept


def _is_finite(dets: np.ndarray) -> np.ndarray:
    return (np.abs(dets) < _FARTHEST).all(axis=1)  # false for NaN


def _finite(dets: np.ndarray) -> np.ndarray:
    fine = _is_finite(dets)
    return dets if fine.all() else dets[fine]


def _tell_lost(lost: Sequence[int]) -> None:
    """Say how many detections of the images were left out, if any."""
    if any(lost):
        text = '%d detections in %d images have a score or box that is not finite: left out'
        get_root_logger().warning(text, sum(lost), sum(map(bool, lost)))
