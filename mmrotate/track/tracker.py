"""Trackers in the styles of ByteTrack, OC-SORT and BoT-SORT, for rotated boxes.

ByteTrack (Zhang et al., ECCV 2022): sure detections first, then unsure ones for the tracks that are left. OC-SORT (Cao
et al., CVPR 2023): pairs that keep their direction are preferred, and lost tracks are found again from where they were
last seen. BoT-SORT (Aharon et al., 2022): ByteTrack after the motion of the camera is taken out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from mmrotate.track import states as filters
from mmrotate.track.association import match, overlaps
from mmrotate.track.motion import CameraMotion, moved
from mmrotate.utils.errors import ArgumentError


@dataclass(frozen=True)
class Style:
    """How tracks and detections are brought together.

    Attributes:
        sure: Scores from which a detection is matched first.
        unsure: Scores from which a detection may go on a track that nothing sure was found for.
        new: Scores from which a detection begins a track.
        iou, low_iou: Least IoU of a pair of the first and of the second round.
        keep: Frames that a lost track is kept.
        confirm: Frames in a row after which a track that began later than the first frame is told.
        direction: Weight of the direction of motion in the first round.
        recover: Whether lost tracks are sought where they were last seen, too.
        camera: Whether the motion of the camera is taken out; needs the images.
        upright: Associate by upright boxes, as other trackers do; for comparison.
        across_classes: Whether a detection may go on a track of another class.
    """

    sure: float = 0.5
    unsure: float = 0.1
    new: float = 0.6
    iou: float = 0.15
    low_iou: float = 0.3
    keep: int = 30
    confirm: int = 2
    direction: float = 0.0
    recover: bool = False
    camera: bool = False
    upright: bool = False
    across_classes: bool = False


BYTETRACK = Style()
OCSORT = Style(direction=0.2, recover=True)
BOTSORT = Style(camera=True)
TRACKERS = {'bytetrack': BYTETRACK, 'ocsort': OCSORT, 'botsort': BOTSORT}


class Tracks(NamedTuple):
    """The objects of a frame under their numbers.

    Attributes:
        ids: (n,), from 1 on.
        boxes: (n, 6): x, y, w, h in pixels, theta in radians, score, as they were detected.
        labels: (n,), numbers of classes.
    """

    ids: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray


@dataclass
class _Lives:
    """All tracks, a row each."""

    states: np.ndarray = field(default_factory=lambda: np.zeros((0, filters.SIZE)))
    covariances: np.ndarray = field(default_factory=lambda: np.zeros((0, filters.SIZE, filters.SIZE)))
    ids: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    labels: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    hits: np.ndarray = field(default_factory=lambda: np.zeros(0, int))  # frames in a row
    lost: np.ndarray = field(default_factory=lambda: np.zeros(0, int))  # frames since it was seen
    told: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    seen: np.ndarray = field(default_factory=lambda: np.zeros((0, 5)))  # where last
    way: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))  # direction of motion, of length 1 or 0

    def keep(self, rows: np.ndarray) -> None:
        for name, values in vars(self).items():
            setattr(self, name, values[rows])

    def join(self, other: '_Lives') -> None:
        for name, values in vars(self).items():
            setattr(self, name, np.concatenate([values, getattr(other, name)]))


class Tracker:
    """Gives the objects of frame after frame numbers that stay.

    Args:
        style: A :class:`Style`, or its name: bytetrack, ocsort, botsort.
    """

    def __init__(self, style: Style | str = 'bytetrack') -> None:
        if isinstance(style, str) and style not in TRACKERS:
            raise ArgumentError(f'a tracker is one of {", ".join(TRACKERS)}, got {style!r}')
        self.style = TRACKERS[style] if isinstance(style, str) else style
        self._camera = CameraMotion() if self.style.camera else None
        self._lives, self._last_id, self._frames = _Lives(), 0, 0

    def update(self, result: Sequence[np.ndarray], image: np.ndarray | None = None, frames: float = 1.0) -> Tracks:
        """Numbers of what was found in the next frame.

        Args:
            result: What the detector gives: a list over classes of arrays (n, 6); with scores from ``style.unsure`` on.
            image: The frame (H, W, 3), uint8, BGR; needed by styles that follow the camera.
            frames: Frames since the last one, more than 1 where some were left out.
        """
        if self._camera and image is None:
            raise ArgumentError('this style follows the camera: give the image of each frame')
        boxes = np.concatenate([np.zeros((0, 6)), *result]).astype(np.float64)
        labels = np.repeat(np.arange(len(result)), [len(each) for each in result])
        good = np.isfinite(boxes).all(1) & (boxes[:, 5] >= self.style.unsure)
        boxes, labels = boxes[good], labels[good]
        self._frames += 1
        self._predict(image, frames)
        rows, columns = self._match(boxes, labels)
        self._see(rows, boxes[columns, :5], labels[columns])
        fresh = np.setdiff1d(np.flatnonzero(boxes[:, 5] >= self.style.new), columns)
        rows = np.concatenate([rows, len(self._lives.ids) + np.arange(len(fresh))]).astype(int)
        columns = np.concatenate([columns, fresh]).astype(int)
        self._begin(boxes[fresh, :5], labels[fresh])
        lives = self._lives
        shown = lives.told[rows]
        ids = lives.ids[rows][shown]
        tracks = Tracks(ids, boxes[columns][shown].astype(np.float32), labels[columns][shown])
        kept = (lives.lost <= self.style.keep) & (lives.told | (lives.lost == 0))
        lives.keep(kept)
        return tracks

    def _predict(self, image: np.ndarray | None, frames: float) -> None:
        lives = self._lives
        lives.states, lives.covariances = filters.predict(lives.states, lives.covariances, frames)
        if self._camera and image is not None:
            matrix = self._camera(image)
            lives.states, lives.covariances = moved(lives.states, lives.covariances, matrix)
            lives.seen = moved(np.c_[lives.seen, np.zeros((len(lives.seen), 3))], lives.covariances, matrix)[0][:, :5]
        lives.lost = lives.lost + 1

    def _match(self, boxes: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows of tracks and of detections that belong together."""
        style, lives = self.style, self._lives
        sure = boxes[:, 5] >= style.sure
        every = np.arange(len(lives.ids))
        pairs = [self._round(every, np.flatnonzero(sure), boxes, labels, style.iou, first=True)]

        def left() -> np.ndarray:
            return np.setdiff1d(every, np.concatenate([rows for rows, _ in pairs]))

        seen_before = left()[lives.lost[left()] == 1]  # an unsure detection revives no track that was lost
        pairs.append(self._round(seen_before, np.flatnonzero(~sure), boxes, labels, style.low_iou))
        if style.recover:
            rest = np.setdiff1d(np.flatnonzero(sure), pairs[0][1])
            pairs.append(self._round(left(), rest, boxes, labels, style.low_iou, where=lives.seen))
        return tuple(np.concatenate(side).astype(int) for side in zip(*pairs, strict=True))  # type: ignore[return-value]

    def _round(
        self,
        rows: np.ndarray,
        columns: np.ndarray,
        boxes: np.ndarray,
        labels: np.ndarray,
        least: float,
        first: bool = False,
        where: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of some tracks and some detections, by the overlap with where the tracks should be, or ``where``."""
        lives = self._lives
        places = (lives.states[:, :5] if where is None else where)[rows]
        likeness = overlaps(places, boxes[columns, :5], self.style.upright)
        if not self.style.across_classes:
            likeness = np.where(lives.labels[rows, None] == labels[columns], likeness, -1)
        bonus = self._direction(rows, boxes[columns]) if first and self.style.direction else None
        own, theirs = match(likeness, least, bonus)
        return rows[own], columns[theirs]

    def _direction(self, rows: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """How well the way to each detection (m, 6) goes on the way of each track, by score."""
        lives = self._lives
        steps = boxes[None, :, :2] - lives.seen[rows, None, :2]
        lengths = np.linalg.norm(steps, axis=2, keepdims=True)
        cosines = (steps / np.maximum(lengths, 1e-6) * lives.way[rows, None]).sum(2)
        return self.style.direction * (0.5 - np.arccos(np.clip(cosines, -1, 1)) / np.pi) * boxes[:, 5]

    def _see(self, rows: np.ndarray, boxes: np.ndarray, labels: np.ndarray) -> None:
        lives = self._lives
        lives.states[rows], lives.covariances[rows] = filters.update(lives.states[rows], lives.covariances[rows], boxes)
        steps = boxes[:, :2] - lives.seen[rows, :2]
        lengths = np.linalg.norm(steps, axis=1, keepdims=True)
        far = lengths[:, 0] > 0.5  # a way of less than half a pixel says nothing
        lives.way[rows[far]] = steps[far] / lengths[far]
        lives.seen[rows], lives.labels[rows], lives.lost[rows] = boxes, labels, 0
        lives.hits[rows] += 1
        lives.told[rows] |= lives.hits[rows] >= self.style.confirm

    def _begin(self, boxes: np.ndarray, labels: np.ndarray) -> None:
        states, covariances = filters.begin(boxes)
        count = len(boxes)
        ids = self._last_id + 1 + np.arange(count)
        self._last_id += count
        told = np.full(count, self._frames == 1 or self.style.confirm <= 1)
        ones, zeros = np.ones(count, int), np.zeros(count, int)
        fresh = _Lives(states, covariances, ids, labels, ones, zeros, told, boxes.copy(), np.zeros((count, 2)))
        self._lives.join(fresh)
