"""One result of an image from those of its windows while they come, from top to bottom, in bounded memory."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from mmrotate.core.bbox import obb2xyxy
from mmrotate.ops import box_iou_rotated

from .merge_results import AT_BORDER, Result, translate_bboxes

_ROWS = 256  # boxes that are held against all others at once


class SameObject(NamedTuple):
    """When two detections are of one object, so that only the better stays.

    Args:
        iou: They overlap more than this.
        part: Or, where one ends at a border that cuts through the image, more than this share of it lies in the other.
            It then gives way to one that does not, whatever their scores. None: borders are no matter.
        agnostic: Also if their classes differ.
    """

    iou: float
    part: float | None = None
    agnostic: bool = False


class RowMerge:
    """Merges the detections of windows, and gives out what no later window can change.

    Suppression spreads along detections that are of one object, so a group of them is finished once none reaches as
    far down as those of later windows may reach up, which is the height of a window: of an object farther away
    nothing is seen. What comes out is what one merge of everything would give.

    Args:
        rule: Which detections are of one object.
        windows: All windows that will come (n, 4), as left, top, right, bottom in pixels.
        device: Where overlaps are computed.
    """

    def __init__(self, rule: SameObject, windows: np.ndarray, device: str | torch.device = 'cpu') -> None:
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
        cut = self._at_inner_border(boxes, window) if self._rule.part is not None else np.zeros(len(boxes), bool)
        self._keep(*map(np.concatenate, zip(self._held, (boxes, labels, cut), strict=True)))

    def finished(self, top: float = np.inf) -> Result:
        """Take out, merged and best first in each class, what no window whose upper edge is at ``top`` can change."""
        # in the order in which they are kept: whole ones, best first; of equal scores the first
        order = np.lexsort((-self._boxes[:, 5], self._cut))
        self._keep(*(each[order] for each in self._held))
        bounds = obb2xyxy(self._boxes[:, :5])
        first, second = self._pairs(bounds)
        waits = _reached(bounds[:, 3] >= top - self._reach, first, second)
        kept = ~waits & _survivors(len(waits), first, second)
        boxes, labels = self._boxes[kept], self._labels[kept]
        self._keep(*(each[waits] for each in self._held))
        boxes, labels = (each[np.argsort(-boxes[:, 5], kind='stable')] for each in (boxes, labels))
        return [boxes[labels == i] for i in range(self._classes)]

    def _keep(self, boxes: np.ndarray, labels: np.ndarray, cut: np.ndarray) -> None:
        self._held = self._boxes, self._labels, self._cut = boxes, labels, cut

    def _at_inner_border(self, boxes: np.ndarray, window: Sequence[int]) -> np.ndarray:
        """Mask (n,) of the boxes that end at a border of their window beyond which the image goes on."""
        bounds, sides = obb2xyxy(boxes[:, :5]), np.asarray(window)
        near = np.concatenate([bounds[:, :2] <= sides[:2] + AT_BORDER, bounds[:, 2:] >= sides[2:] - AT_BORDER], 1)
        return (near & (sides != self._extent)).any(1)

    def _pairs(self, bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Indices (m,) and (m,) of boxes of one object; of each pair the first would be kept."""
        found = [np.zeros((2, 0), np.int64)]
        for start in range(0, len(bounds), _ROWS):
            rows, others = bounds[start : start + _ROWS, None], bounds[None, start:]
            near = ((rows[..., :2] < others[..., 2:]) & (others[..., :2] < rows[..., 2:])).all(-1)
            if not self._rule.agnostic:
                near &= self._labels[start : start + _ROWS, None] == self._labels[None, start:]
            found.append(np.stack(np.nonzero(np.triu(near, 1))) + start)
        first, second = np.concatenate(found, 1)
        same = self._same(first, second)
        return first[same], second[same]

    def _same(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        one, other = (torch.from_numpy(self._boxes[index, :5]).to(self._device) for index in (first, second))
        iou = box_iou_rotated(one, other, aligned=True).cpu().numpy()
        same = iou > self._rule.iou
        if self._rule.part is not None:
            areas = self._boxes[:, 2] * self._boxes[:, 3]
            common = iou / (1 + iou) * (areas[first] + areas[second])
            same |= self._cut[second] & (common > self._rule.part * areas[second])
        return np.asarray(same)


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


def _survivors(count: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Mask (count,) of what stays where, of each pair in turn, a first that stays removes the second.

    The firsts rise.
    """
    stays = np.ones(count, bool)
    ends = np.searchsorted(first, np.arange(count + 1))
    for i in np.unique(first):
        if stays[i]:
            stays[second[ends[i] : ends[i + 1]]] = False
    return stays
