"""One result of an image from those of its windows while they come, from top to bottom, in bounded memory."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmrotate.core.bbox.arrays import box_iou_rotated
from mmrotate.core.bbox.transforms import obb2xyxy

from .merge_results import MergeRule, Result, merge_boxes, near_borders, translate_bboxes

_ROWS = 256  # boxes that are held against all others at once


class RowMerge:
    """Merges the detections of windows, and gives out what no later window can change.

    Suppression spreads along detections that are of one object, so a group of them is finished once none reaches as
    far down as those of later windows may reach up, which is the height of a window: of an object farther away
    nothing is seen. What comes out is what one merge of everything would give.

    Args:
        rule: How detections that overlap become one.
        windows: All windows that will come (n, 4), as left, top, right, bottom in pixels.
        device: Where overlaps are computed.
    """

    def __init__(self, rule: MergeRule, windows: np.ndarray, device: Any = 'cpu') -> None:
        self._rule, self._device = rule, device
        self._reach = (windows[:, 3] - windows[:, 1]).max()
        self._extent = np.concatenate([windows[:, :2].min(0), windows[:, 2:].max(0)])
        self._classes = 0
        self._keep(np.zeros((0, 6), np.float32), np.zeros(0, np.int64), np.zeros(0, bool))

    def __len__(self) -> int:
        """Detections that wait for later windows."""
        return len(self._boxes)

    def add(self, result: Result, window: Sequence[int]) -> None:
        """Take in the result, a list over classes of (n, 6) in pixels of the window."""
        self._classes = len(result)
        boxes = translate_bboxes(np.concatenate(result), np.asarray(window[:2]))
        labels = np.repeat(np.arange(len(result)), [len(dets) for dets in result])
        left, top, right, bottom = window
        inner = np.asarray(window) != self._extent
        cut = np.concatenate([near_borders(dets, (right - left, bottom - top), inner) for dets in result])
        self._keep(*map(np.concatenate, zip(self._held, (boxes, labels, cut), strict=True)))

    def finished(self, top: float = np.inf) -> Result:
        """Take out, merged and best first in each class, what no window whose upper edge is at ``top`` can change."""
        bounds = obb2xyxy(self._boxes[:, :5])
        waits = _reached(bounds[:, 3] >= top - self._reach, *self._pairs(bounds))
        boxes, labels, cut = (each[~waits] for each in self._held)
        self._keep(*(each[waits] for each in self._held))
        order = np.argsort(labels, kind='stable')  # of equal scores the first in the order of windows stays
        found, classes = merge_boxes(boxes[order], labels[order], self._rule, cut[order], self._device)
        return [found[classes == i] for i in range(self._classes)]

    def _keep(self, boxes: np.ndarray, labels: np.ndarray, cut: np.ndarray) -> None:
        self._held = self._boxes, self._labels, self._cut = boxes, labels, cut

    def _pairs(self, bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Indices (m,) and (m,) of boxes of which one may act on the other."""
        found = [np.zeros((2, 0), np.int64)]
        for start in range(0, len(bounds), _ROWS):
            rows, others = bounds[start : start + _ROWS, None], bounds[None, start:]
            near = ((rows[..., :2] < others[..., 2:]) & (others[..., :2] < rows[..., 2:])).all(-1)
            if not self._rule.class_agnostic:
                near &= self._labels[start : start + _ROWS, None] == self._labels[None, start:]
            found.append(np.stack(np.nonzero(np.triu(near, 1))) + start)
        first, second = np.concatenate(found, 1)
        act = self._act(first, second)
        return first[act], second[act]

    def _act(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Mask (m,) of the pairs that overlap enough for the rule."""
        one, other = self._boxes[first, :5], self._boxes[second, :5]
        iou = box_iou_rotated(one, other, aligned=True, device=self._device)
        act = iou > min(self._rule.iou_thr, 1 if self._rule.fuse_thr is None else self._rule.fuse_thr)
        if self._rule.iof_thr is not None:
            areas = self._boxes[:, 2] * self._boxes[:, 3]
            common = iou / (1 + iou) * (areas[first] + areas[second])
            for index in (first, second):
                act |= self._cut[index] & (common > self._rule.iof_thr * areas[index])
        return np.asarray(act)


def _reached(start: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Mask (n,) of ``start``, and of all that pairs lead to from there."""
    reached = start
    while True:
        grown = reached.copy()
        grown[second[reached[first]]] = True
        grown[first[reached[second]]] = True
        if (grown == reached).all():
            return reached
        reached = grown
