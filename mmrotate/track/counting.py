"""Counts of objects that cross a line, and of those in a zone."""

from collections import Counter

import cv2
import numpy as np

from mmrotate.track.tracker import Tracks
from mmrotate.utils.errors import ArgumentError


class Line:
    """Counts objects whose centre crosses the line from one point to another.

    Args:
        start, end: Points (x, y) in pixels. ``right`` counts those that come to the right side of who goes from
            ``start`` to ``end``, as it is seen on the screen, ``left`` the others; by class.
    """

    def __init__(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        if start == end:
            raise ArgumentError(f'a line has two different points, got {start} twice')
        self.start, self.end = np.array(start, float), np.array(end, float)
        self.right: Counter[int] = Counter()
        self.left: Counter[int] = Counter()
        self._before: dict[int, np.ndarray] = {}

    def update(self, tracks: Tracks) -> None:
        """Count the objects of the next frame."""
        for number, box, label in zip(tracks.ids.tolist(), tracks.boxes, tracks.labels.tolist(), strict=True):
            centre = box[:2].astype(float)
            before = self._before.get(number)
            side = self._side(centre)
            if side == 0:
                continue  # on the line: it has crossed when it is beyond
            if before is not None and side != self._side(before) and self._between(before, centre):
                (self.right if side > 0 else self.left)[label] += 1
            self._before[number] = centre

    def _side(self, point: np.ndarray) -> int:
        along = self.end - self.start
        return int(np.sign(along[0] * (point[1] - self.start[1]) - along[1] * (point[0] - self.start[0])))

    def _between(self, before: np.ndarray, after: np.ndarray) -> bool:
        """Whether the way from point to point meets the line between its ends."""
        step = after - before
        sides = [step[0] * (end[1] - before[1]) - step[1] * (end[0] - before[0]) for end in (self.start, self.end)]
        return sides[0] * sides[1] <= 0


class Zone:
    """Counts objects whose centre is in a polygon: now, at most, and all that ever were; by class.

    Args:
        corners: (n, 2) in pixels, n >= 3.
    """

    def __init__(self, corners: np.ndarray) -> None:
        self.corners = np.asarray(corners, np.float32)
        if self.corners.ndim != 2 or self.corners.shape[1] != 2 or len(self.corners) < 3:
            raise ArgumentError(f'a zone has three corners (x, y) or more, got the shape {self.corners.shape}')
        self.now: Counter[int] = Counter()
        self.most = 0
        self._ever: dict[int, int] = {}

    @property
    def ever(self) -> Counter[int]:
        """Objects that were in the zone at any time."""
        return Counter(self._ever.values())

    def update(self, tracks: Tracks) -> None:
        """Count the objects of the next frame."""
        inside = np.array([self._holds(box[:2]) for box in tracks.boxes], bool)
        labels = tracks.labels[inside].tolist()
        self.now, self.most = Counter(labels), max(self.most, len(labels))
        self._ever |= dict(zip(tracks.ids[inside].tolist(), labels, strict=True))

    def _holds(self, point: np.ndarray) -> bool:
        return cv2.pointPolygonTest(self.corners, (float(point[0]), float(point[1])), False) >= 0
