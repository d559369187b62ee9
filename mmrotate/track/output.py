"""Tracks as text and as pictures."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mmrotate.apis.results import image_entry
from mmrotate.core.visualization import imshow_det_rbboxes, rbox_corners
from mmrotate.track.tracker import Tracks


def entries(tracks: Tracks, classes: Sequence[str]) -> list[dict[str, Any]]:
    """The objects of a frame as in ``mmrotate.detections`` JSON, each with its ``track_id``, by number."""
    found = []
    for i in np.argsort(tracks.ids):
        label = int(tracks.labels[i])
        (entry,) = image_entry('', [tracks.boxes[i : i + 1]], [classes[label]], 0.0)['detections']
        found.append({'track_id': int(tracks.ids[i]), **entry, 'label_id': label})
    return found


def mot_lines(frame: int, tracks: Tracks) -> Iterator[str]:
    """Lines in the columns of MOT Challenge, by number; its programs read the first nine.

    Frame (from 1 on), id, left, top, width and height of the upright box around the object, score, class (from 1 on),
    1, and the rotated box: cx, cy, w, h in pixels, theta in radians.
    """
    for i in np.argsort(tracks.ids):
        corners = rbox_corners(tracks.boxes[i : i + 1, :5])[0]
        (left, top), (right, bottom) = corners.min(0), corners.max(0)
        upright = f'{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f}'
        turned = ','.join(f'{value:.4f}' for value in tracks.boxes[i, :5])
        yield f'{frame},{tracks.ids[i]},{upright},{tracks.boxes[i, 5]:.4f},{tracks.labels[i] + 1},1,{turned}\n'


def draw_tracks(image: np.ndarray, tracks: Tracks, classes: Sequence[str], **shown: Any) -> np.ndarray:
    """A picture (H, W, 3), uint8, BGR, of the objects with their numbers; a number has the same colour in all frames.

    Args:
        image: The frame.
        tracks: Its objects.
        classes: Names of the classes.
        shown: Arguments of :func:`mmrotate.core.visualization.imshow_det_rbboxes`.
    """
    names = [f'{classes[label]} {number}' for number, label in zip(tracks.ids, tracks.labels, strict=True)]
    colors = [_color(int(number)) for number in tracks.ids]
    order = np.arange(len(names))
    return imshow_det_rbboxes(
        image, tracks.boxes, order, class_names=names, bbox_color=colors or None, show_score=False, **shown
    )


def _color(number: int) -> tuple[int, int, int]:
    """Red, green and blue, far apart for numbers that follow each other."""
    hue = number * 0.618034 % 1 * 6
    ramp = [abs(hue - 3) - 1, 2 - abs(hue - 2), 2 - abs(hue - 4)]
    red, green, blue = (round(60 + 195 * min(max(part, 0.0), 1.0)) for part in ramp)
    return red, green, blue
