"""Which detections lie at which objects: what does not depend on the IoU threshold of VOC's rules."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from mmrotate.core.bbox import heading_gap
from mmrotate.ops import box_iou_rotated
from mmrotate.utils.errors import ArgumentError

from .columns import SIDES, Image, Table, read_images

_THINNEST = 1e-6  # pixels, so that a box without a side has a ratio
Range = tuple[float, float]


class Span(NamedTuple):
    """Boxes of which ``low <= value < high``."""

    low: float
    high: float
    of: str = 'area'  # in px^2, or 'ratio', of the longer to the shorter side

    def outside(self, sides: np.ndarray) -> np.ndarray:
        """Mask (n,) of the boxes with sides (n, 2) that are others."""
        value = sides.prod(1) if self.of == 'area' else sides.max(1) / np.maximum(sides.min(1), _THINNEST)
        return (value < self.low) | (value >= self.high)


class Matches(NamedTuple):
    """One class, in an image or in all of them, of n detections and m objects."""

    scores: np.ndarray  # (n,) in falling order
    sides: np.ndarray  # (n, 2) of the detections
    best: np.ndarray  # (n,) largest IoU with an object of its image
    owner: np.ndarray  # (n,) that object; of an image the objects to ignore come last
    gt_sides: np.ndarray  # (m, 2) of the objects
    ignored: np.ndarray  # (m,) mask of the objects to ignore
    gaps: np.ndarray  # (n,) between the headings of the detections and their objects, in radians


def rotated_ious(boxes: np.ndarray, others: np.ndarray, aligned: bool = False) -> np.ndarray:
    """IoUs (n, m) of boxes (n, 5) with others (m, 5), or (n,) of pairs if ``aligned``."""
    a, b = (torch.from_numpy(np.ascontiguousarray(each[:, :5], np.float32)) for each in (boxes, others))
    return box_iou_rotated(a, b, aligned=aligned).numpy()


def match_image(dets: np.ndarray, gts: np.ndarray, ignored: np.ndarray) -> Matches:
    """Overlaps of the detections (n, 6) with the objects (m, 5), of which a mask (m,) says whom to ignore."""
    dets = dets[np.argsort(-dets[:, -1], kind='stable')]
    image = Image(dets, np.zeros(len(dets), int), gts, np.zeros(len(gts), int), ignored)
    best, owner = _best(image)
    return Matches(dets[:, -1], dets[:, 2:4], best, owner, gts[:, 2:4], ignored, _gaps(image, owner))


def _gaps(image: Image, owner: np.ndarray) -> np.ndarray:
    """Between the headings of the detections and of their owners (n,)."""
    gaps: np.ndarray = heading_gap(image.dets, image.gts[owner]) if len(image.gts) else np.zeros(len(owner))
    return gaps


def _best(image: Image) -> tuple[np.ndarray, np.ndarray]:
    """Per detection the largest IoU with an object of its class, and that object."""
    best, owner = np.zeros(len(image.dets), np.float32), np.zeros(len(image.dets), np.int64)
    if len(image.gts):
        for start, ious in image.overlaps():
            rows = slice(start, start + len(ious))
            owner[rows] = ious.argmax(1)
            best[rows] = ious[np.arange(len(ious)), owner[rows]]
    return best, owner


def match_classes(det_results: Sequence[Sequence[np.ndarray]], annotations: Sequence[dict[str, Any]]) -> list[Matches]:
    """Overlaps of all detections and objects, per class; once for all thresholds.

    The images are gone through one by one, each class with the detections of all of them at the end.
    """
    if len(det_results) != len(annotations):
        raise ArgumentError(f'{len(det_results)} images have detections, but {len(annotations)} annotations')
    found = Table(np.int32, np.float64, SIDES, np.float32, np.int32, np.float32)
    objects = Table(np.int32, SIDES, bool)
    for image in read_images(det_results, annotations):
        best, owner = _best(image)
        gaps = _gaps(image, owner)
        owner = np.where(best > 0, owner + len(objects), 0)
        found.add(image.labels, image.dets[:, 5], image.dets[:, 2:4], best, owner, gaps)
        objects.add(image.gt_labels, image.gts[:, 2:4], image.ignored)
    return _of_classes(found.columns, objects.columns, len(det_results[0]) if det_results else 0)


def _of_classes(found: list[np.ndarray], objects: list[np.ndarray], count: int) -> list[Matches]:
    """Matches of each of ``count`` classes, from the columns of all."""
    labels, scores, sides, best, owner, gaps = found
    gt_labels, gt_sides, ignored = objects
    place = np.zeros(len(gt_labels), np.int64)  # of an object among those of its class
    matches = []
    for label in range(count):
        own, gts = np.flatnonzero(labels == label), np.flatnonzero(gt_labels == label)
        place[gts] = np.arange(len(gts))
        own = own[np.argsort(-scores[own], kind='stable')]
        owners = place[owner[own]] if len(place) else owner[own]  # of no meaning where nothing is touched
        matches.append(Matches(scores[own], sides[own], best[own], owners, gt_sides[gts], ignored[gts], gaps[own]))
    return matches


def true_false(found: Matches, iou_thr: float, limits: Span | Range | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Masks (n,) of true and false positives; what touches an ignored object is neither.

    Objects outside of ``limits``, of their area unless it is a :class:`Span`, are ignored, and of the detections at no
    object those outside are neither.
    """
    span = None if limits is None else Span(*limits)
    hit = (found.best >= iou_thr) & (found.best > 0)
    false = ~hit
    skipped = found.ignored
    if span is not None:
        false &= ~span.outside(found.sides)
        skipped = skipped | span.outside(found.gt_sides)
    rows = np.flatnonzero(hit)
    rows = rows[~skipped[found.owner[rows]]]
    true, taken = np.zeros(len(hit), bool), np.full(len(skipped), -1)
    # the best-scored detection of an object, which is written last, is true, all further ones are false
    taken[found.owner[rows[::-1]]] = rows[::-1]
    true[taken[taken >= 0]] = True
    false[rows] = ~true[rows]
    return true, false
