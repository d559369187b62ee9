"""Turned objects cut out upright."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from mmrotate.core.bbox import obb2xyxy


def cut_upright(pixels: Callable[[Sequence[int]], np.ndarray], box: np.ndarray) -> np.ndarray:
    """The pixels (h, w, 3) of a turned box, turned so that its side w runs from left to right.

    Args:
        pixels: Gives a window (left, top, right, bottom), which may stick out of the image.
        box: x, y, w, h in pixels, theta in radians.
    """
    x, y, w, h, theta = np.asarray(box[:5], np.float64)
    low, high = np.split(obb2xyxy(np.asarray(box[None, :5], np.float64))[0], 2)
    left, top = (np.floor(low) - 2).astype(int)
    right, bottom = (np.ceil(high) + 2).astype(int)
    width, height = max(round(w), 1), max(round(h), 1)
    cos, sin = np.cos(theta), np.sin(theta)
    step = np.array([[cos * w / width, -sin * h / height], [sin * w / width, cos * h / height]])
    # pixels of OpenCV are numbered by their centres, half a pixel from the corner
    first = np.array([x - left, y - top]) + step @ [(1 - width) / 2, (1 - height) / 2] - 0.5
    matrix = np.concatenate([step, first[:, None]], 1)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(pixels((left, top, right, bottom)), matrix, (width, height), flags=flags)
