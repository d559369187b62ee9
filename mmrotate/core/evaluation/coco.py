"""Average precision and recall by the rules of COCO (https://cocodataset.org/#detection-eval), of rotated boxes.

In the order of their scores detections choose the free object of their class that they overlap most, objects that
count before those that do not. Objects to ignore are crowds: many may choose them.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from mmrotate.utils.errors import ArgumentError

from .columns import Image, Table, pairs_from, read_images
from .curves import sorted_average

# square pixels, both ends belong to it
AREAS = {'all': (0.0, 1e10), 's': (0.0, 32.0**2), 'm': (32.0**2, 96.0**2), 'l': (96.0**2, 1e10)}
_LEAST = 1e-6  # an IoU: less is no overlap


class CocoScores(NamedTuple):
    """Scores over t thresholds, k classes, the areas of :data:`AREAS` and n numbers of detections; NaN: no objects."""

    precision: np.ndarray  # (t, k, 4, n) average precision, mean over 101 recalls
    recall: np.ndarray  # (t, k, 4, n) highest recall
    num_gts: np.ndarray  # (k,) objects that count
    num_dets: np.ndarray  # (k,)

    def mean(self, of: str, area: str = 'all', number: int = -1, threshold: int | slice = slice(None)) -> float:
        """Mean over thresholds and the classes that have objects, -1 where none has, as COCO says it.

        Args:
            of: ``'precision'`` or ``'recall'``.
            area: Of :data:`AREAS`.
            number: Index of the number of detections.
            threshold: Index of a threshold, or of several.
        """
        values = getattr(self, of)[threshold, :, list(AREAS).index(area), number]
        known = values[~np.isnan(values)]
        return float(known.mean()) if known.size else -1.0


class _Found(NamedTuple):
    """The detections, the pairs of them with objects, and the objects of all images."""

    labels: np.ndarray  # (n,) of detections; those of an image and class stand by falling score
    scores: np.ndarray
    areas: np.ndarray
    ranks: np.ndarray  # (n,) place among those of its image and class
    rows: np.ndarray  # (p,) detection of a pair, rising
    columns: np.ndarray  # (p,) its object
    ious: np.ndarray  # (p,)
    gt_labels: np.ndarray  # (m,)
    gt_areas: np.ndarray
    crowd: np.ndarray


def eval_coco(
    det_results: Sequence[Sequence[np.ndarray]],
    annotations: Sequence[dict[str, Any]],
    iou_thrs: Sequence[float],
    proposal_nums: Sequence[int] = (100, 300, 1000),
    class_agnostic: bool = False,
    crowd_mode: str = 'iou',
) -> CocoScores:
    """Score detections.

    Args:
        det_results: As of :func:`.mean_ap.eval_rbbox_map`.
        annotations: Likewise.
        iou_thrs: Rising IoUs.
        proposal_nums: Rising numbers of detections that count, of each image and class.
        class_agnostic: Compare without classes, as one.
        crowd_mode: The overlap with crowds: ``'iou'``, as RotatedCocoMetric of MMRotate 1.x has it, or ``'iof'``, the
            share of the detection that lies in the crowd, as COCO's own program has it.
    """
    if len(det_results) != len(annotations):
        raise ArgumentError(f'{len(det_results)} images have detections, but {len(annotations)} annotations')
    count = 1 if class_agnostic else max(map(len, det_results), default=0)
    images = read_images(det_results, annotations, class_agnostic)
    found = _gather(images, max(min(iou_thrs), _LEAST), proposal_nums[-1], crowd_mode)
    shape = (len(iou_thrs), count, len(AREAS), len(proposal_nums))
    precision, recall = np.full((2, *shape), np.nan)
    order = np.lexsort((-found.scores, found.labels))
    ends = np.searchsorted(found.labels[order], np.arange(count + 1))
    ranks = found.ranks[order]
    for a, (low, high) in enumerate(AREAS.values()):
        ignored = found.crowd | (found.gt_areas < low) | (found.gt_areas > high)
        counts = np.bincount(found.gt_labels[~ignored], minlength=count)[:count]
        outside = (found.areas < low) | (found.areas > high)
        pairs = _by_preference(found, ignored)
        for t, threshold in enumerate(iou_thrs):
            matched, spared = _assign(found, pairs, threshold, ignored)
            true, false = (matched & ~spared)[order], ~(matched | outside)[order]
            for label in np.flatnonzero(counts):
                rows = slice(ends[label], ends[label + 1])
                of_class = (true[rows], false[rows], ranks[rows])
                values = [_score(*of_class, number, int(counts[label])) for number in proposal_nums]
                precision[t, label, a], recall[t, label, a] = zip(*values, strict=True)
    num_gts = np.bincount(found.gt_labels[~found.crowd], minlength=count)[:count]
    return CocoScores(precision, recall, num_gts, np.diff(ends))


def _score(true: np.ndarray, false: np.ndarray, ranks: np.ndarray, number: int, num_gts: int) -> tuple[float, float]:
    """Average precision and recall of a class, of whose detections of an image only ``number`` count."""
    if (kept := ranks < number).all():
        return sorted_average(true, false, num_gts, '101points')
    return sorted_average(true[kept], false[kept], num_gts, '101points')


def _gather(images: Iterable[Image], least: float, most: int, crowd_mode: str) -> _Found:
    """The columns of all images: at most ``most`` detections of an image and class, and pairs from an IoU on."""
    dets = Table(np.int32, np.float64, np.float32, np.int32)
    pairs = Table(np.int32, np.int32, np.float32)
    objects = Table(np.int32, np.float32, bool)
    for image in images:
        image, ranks = _best_of_classes(image, most)
        for rows, columns, ious in _image_pairs(image, least, crowd_mode):
            pairs.add(rows + len(dets), columns + len(objects), ious)
        dets.add(image.labels, image.dets[:, 5], image.dets[:, 2:4].prod(1), ranks)
        objects.add(image.gt_labels, image.gts[:, 2:4].prod(1), image.ignored)
    return _Found(*dets.columns, *pairs.columns, *objects.columns)


def _best_of_classes(image: Image, most: int) -> tuple[Image, np.ndarray]:
    """The image with at most ``most`` detections of a class, by falling score, and their places (n,) from 0."""
    order = np.lexsort((-image.dets[:, 5], image.labels))
    labels = image.labels[order]
    ranks = np.arange(len(order)) - np.searchsorted(labels, labels)
    order = order[ranks < most]
    return image._replace(dets=image.dets[order], labels=image.labels[order]), ranks[ranks < most].astype(np.int32)


def _image_pairs(image: Image, least: float, crowd_mode: str) -> Iterator[tuple[np.ndarray, ...]]:
    """Detections, objects and IoUs of the pairs of an image that overlap so much, by detections, in blocks."""
    for start, ious in image.overlaps():
        if crowd_mode != 'iou' and image.ignored.any():
            part = image._replace(dets=image.dets[start:][: len(ious)], labels=image.labels[start:][: len(ious)])
            ious[:, image.ignored] = np.concatenate([block for _, block in part.overlaps(crowd_mode, image.ignored)])
        rows, columns, values = pairs_from(ious, least)
        yield rows + start, columns, values


def _by_preference(found: _Found, ignored: np.ndarray) -> np.ndarray:
    """Order (p,) of the pairs: by detection, and of each the objects that it prefers first.

    Of equal overlaps the later object is chosen, as COCO's own program does.
    """
    return np.lexsort((-found.columns, -found.ious, ignored[found.columns], found.rows))


def _assign(found: _Found, order: np.ndarray, iou_thr: float, ignored: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Masks (n,) of the detections that have an object, and of those whose object is ignored.

    All ask for what they prefer at once; an object stays with the best-scored that asks, the others ask for their
    next. The end is what choosing one after the other gives.
    """
    order = order[found.ious[order] >= min(iou_thr, 1 - 1e-10)]
    rows, columns = found.rows[order], found.columns[order]
    matched, spared = np.zeros((2, len(found.labels)), bool)
    if not len(order):
        return matched, spared
    asks = np.flatnonzero(np.diff(rows, prepend=-1))
    ends = np.append(asks[1:], len(rows))
    holder = np.empty(len(ignored), np.int64)
    while True:
        mine, wanted = rows[asks], columns[asks]
        holder[wanted[::-1]] = mine[::-1]  # rising: the best-scored is written last
        lost = (holder[wanted] != mine) & ~found.crowd[wanted]
        if not lost.any():
            break
        asks = asks + lost
        left = asks < ends
        asks, ends = asks[left], ends[left]
    matched[mine] = True
    spared[mine] = ignored[wanted]
    return matched, spared
