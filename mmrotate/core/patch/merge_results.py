"""One result of an image from those of its patches."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from mmrotate.core.bbox.arrays import nms_rotated
from mmrotate.core.bbox.class_overlaps import overlaps_in_classes
from mmrotate.core.bbox.transforms import obb2xyxy
from mmrotate.utils.errors import ArgumentError

AT_BORDER = 2  # pixels: boxes that end so near to a border of their patch may be cut by it
_LEAST_WEIGHT = 1e-6
Result = list[np.ndarray]


def translate_bboxes(bboxes: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Boxes moved by ``offset`` (x, y): (n, 6) as x, y, w, h, theta, score, or (n, 5) as corners and score."""
    if bboxes.ndim != 2 or bboxes.shape[1] not in (5, 6):
        raise TypeError(f'boxes must be (n, 5) or (n, 6), got {bboxes.shape}')
    moved = bboxes.copy()
    for first in range(0, 4 if bboxes.shape[1] == 5 else 2, 2):
        moved[:, first : first + 2] += offset
    return moved


def map_masks(masks: Sequence[np.ndarray], offset: Sequence[int], new_shape: Sequence[int]) -> list[np.ndarray]:
    """Masks (h, w) of a patch whose corner is at ``offset`` (x, y), in an image of ``new_shape`` (width, height)."""
    mapped = []
    for mask in masks:
        whole = np.zeros((new_shape[1], new_shape[0]), bool)
        view = whole[offset[1] :, offset[0] :][: mask.shape[0], : mask.shape[1]]
        view[...] = mask[: view.shape[0], : view.shape[1]]
        mapped.append(whole)
    return mapped


class MergeRule(NamedTuple):
    """How detections of several patches become those of their image."""

    iou_thr: float = 0.1  # overlap above which the worse of two detections of a class goes
    class_agnostic: bool = False  # across classes
    # share of a detection cut at the border of its patch that lies in a whole one of its class, above which it goes;
    # whole ones come before those that are cut, whatever the scores. None: the place in a patch does not matter
    iof_thr: float | None = None
    # overlap above which what goes counts in the mean that takes the place of the better detection, weighted by the
    # scores (Solovyev et al., Weighted boxes fusion, 2021). None: the better one stays as it is
    fuse_thr: float | None = None

    def check(self) -> None:
        """Raise an ArgumentError for a threshold that is none."""
        for name in ('iou_thr', 'iof_thr', 'fuse_thr'):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ArgumentError(f'{name} must be in [0, 1], got {value}')


def merge_results(
    results: Sequence[Result],
    offsets: np.ndarray,
    img_shape: Sequence[int],
    iou_thr: float = 0.1,
    device: Any = 'cpu',
    class_agnostic: bool = False,
    iof_thr: float | None = None,
    fuse_thr: float | None = None,
    sizes: np.ndarray | None = None,
) -> Result:
    """Detections of an image from those of its patches: moved, and overlapping ones suppressed in each class.

    Args:
        results: Per patch a list over classes of (n, 6): x, y, w, h, theta, score.
        offsets: Left upper corners (patches, 2) of the patches in the image, as x, y.
        img_shape: Width and height of the image; boxes do not need it.
        iou_thr: Overlap above which the worse of two goes.
        device: Where that is computed.
        class_agnostic: See :class:`MergeRule`.
        iof_thr: Likewise; it needs ``sizes``.
        fuse_thr: Likewise. Angles of means may leave the range of their version.
        sizes: Width and height (patches, 2) of the patches in the image.

    Returns:
        A list over classes of (k, 6), best first.
    """
    if len(results) != len(offsets):
        raise ArgumentError(f'as many offsets as results are needed, got {len(offsets)} and {len(results)}')
    if not results:
        return []
    if any(isinstance(result, tuple) for result in results):
        raise TypeError('merge_results: rotated boxes only, results with masks are not supported')
    wrong = [dets.shape for result in results for dets in result if dets.ndim != 2 or dets.shape[1] != 6]
    if wrong:
        raise TypeError(f'merge_results: arrays (n, 6) of rotated boxes with scores are needed, got {wrong[0]}')
    rule = MergeRule(iou_thr, class_agnostic, iof_thr, fuse_thr)
    rule.check()
    cut = None
    if iof_thr is not None:
        if sizes is None:
            raise ArgumentError('merge_results: iof_thr needs the sizes of the patches')
        cut = _cut_at_borders(results, np.asarray(offsets), np.asarray(sizes))
    per_class = [
        np.concatenate([translate_bboxes(dets, offset) for dets, offset in zip(patches, offsets, strict=True)])
        for patches in zip(*results, strict=True)
    ]
    dets = np.concatenate(per_class)
    labels = np.repeat(np.arange(len(per_class)), [len(each) for each in per_class])
    found, classes = merge_boxes(dets, labels, rule, cut, device)
    return [found[classes == label] for label in range(len(per_class))]


def _cut_at_borders(results: Sequence[Result], offsets: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Mask of the detections, class by class and in each patch by patch, that a border inside of the image may cut."""
    ends = offsets + sizes
    inner = np.concatenate([offsets > offsets.min(0), ends < ends.max(0)], 1)
    masks = []
    for patches in zip(*results, strict=True):
        masks += [near_borders(dets, size, sides) for dets, size, sides in zip(patches, sizes, inner, strict=True)]
    return np.concatenate(masks)


def near_borders(dets: np.ndarray, size: Sequence[int], sides: np.ndarray) -> np.ndarray:
    """Mask (n,) of detections (n, 6) that end near a border of their patch, of width and height ``size``.

    ``sides`` (4,) says whether its left, top, right and lower border count.
    """
    left, top, right, bottom = obb2xyxy(dets).T
    near = np.stack(
        [left <= AT_BORDER, top <= AT_BORDER, right >= size[0] - AT_BORDER, bottom >= size[1] - AT_BORDER], 1
    )
    return np.asarray((near & sides).any(1))


def merge_boxes(
    dets: np.ndarray, labels: np.ndarray, rule: MergeRule, cut: np.ndarray | None = None, device: Any = 'cpu'
) -> tuple[np.ndarray, np.ndarray]:
    """Detections (k, 6), best first, and their labels (k,), from all (n, 6) of an image with labels (n,).

    Args:
        dets: x, y, w, h, theta, score in pixels of the image and radians.
        labels: Whole numbers.
        rule: What goes.
        cut: Mask (n,) of those that are cut at a border inside of the image; only ``iof_thr`` needs it.
        device: Where overlaps are suppressed.
    """
    order = np.argsort(-dets[:, 5], kind='stable')
    if rule.iof_thr is not None and cut is not None:
        order = np.concatenate([order[~cut[order]], order[cut[order]]])
    dets, labels = dets[order], labels[order]
    places = np.arange(len(dets), 0, -1)  # in place of scores
    groups = np.zeros_like(labels) if rule.class_agnostic else labels
    index = nms_rotated(dets[:, :5], places, rule.iou_thr, groups, device)
    kept = dets[index]
    if rule.fuse_thr is not None:
        kept = _fused(dets, groups, index, rule.fuse_thr)
    kept_labels = labels[index]
    if rule.iof_thr is not None and cut is not None:
        whole = ~_parts(kept, groups[index], cut[order][index], rule.iof_thr)
        kept, kept_labels = kept[whole], kept_labels[whole]
    best = np.argsort(-kept[:, 5], kind='stable')
    return kept[best], kept_labels[best]


def _parts(dets: np.ndarray, groups: np.ndarray, cut: np.ndarray, iof_thr: float) -> np.ndarray:
    """Mask (n,) of the detections that are cut and lie in one that is not."""
    parts = np.flatnonzero(cut)
    mask = np.zeros(len(dets), bool)
    if len(parts) and not cut.all():
        for start, shares in overlaps_in_classes(dets[parts], groups[parts], dets[~cut], groups[~cut], 'iof'):
            mask[parts[start : start + len(shares)]] = (shares > iof_thr).any(1)
    return mask


def _fused(dets: np.ndarray, groups: np.ndarray, kept: np.ndarray, fuse_thr: float) -> np.ndarray:
    """The detections at ``kept`` (k,), each the mean of itself and of those that went for it, with its own score."""
    lost = np.setdiff1d(np.arange(len(dets)), kept)
    owner, best = np.zeros(len(lost), np.int64), np.zeros(len(lost))
    if len(lost):
        for start, ious in overlaps_in_classes(dets[lost], groups[lost], dets[kept], groups[kept]):
            owner[start : start + len(ious)], best[start : start + len(ious)] = ious.argmax(1), ious.max(1)
    members = np.concatenate([kept, lost[best > fuse_thr]])
    owners = np.concatenate([np.arange(len(kept)), owner[best > fuse_thr]])
    boxes, to = dets[members, :5].astype(np.float64), dets[kept[owners]]
    # of the two forms of each rectangle, and all half turns, the one that is nearest to that of the kept one
    turns = np.round((to[:, 4] - boxes[:, 4]) / (math.pi / 2))
    boxes[:, 4] += turns * math.pi / 2
    swapped = turns % 2 == 1
    boxes[swapped, 2:4] = boxes[swapped, 3:1:-1]
    weights = np.maximum(dets[members, 5].astype(np.float64), _LEAST_WEIGHT)
    sums = [np.bincount(owners, weights * column, len(kept)) for column in boxes.T]
    means = np.stack(sums, 1) / np.bincount(owners, weights, len(kept))[:, None]
    return np.c_[means, dets[kept, 5]].astype(dets.dtype)
