"""Smallest rectangles around quadrilaterals, as OpenCV finds them."""

import ctypes

import cv2
import numpy as np

from mmrotate.utils.native import library_function, threads


def min_area_rects(quads: np.ndarray) -> np.ndarray:
    """The rectangles (n, 5) that ``cv2.minAreaRect`` finds around quadrilaterals (n, 8), x1, y1, ..., x4, y4.

    Where two rectangles are the smallest, or all but for rounding, it is OpenCV's choice. Those that are plainly convex
    are done together in C++, with the same centres and sides to the last digit, and an angle that is not rounded to
    float32; all others by OpenCV.

    Returns:
        x, y, w, h in pixels and theta, the direction of w, in (0, pi/2], clockwise on the screen; float64.
    """
    quads = np.ascontiguousarray(quads, np.float32)
    rects, plain = np.empty((len(quads), 5)), np.zeros(len(quads), bool)
    if (function := library_function('mmrotate_min_area_rects')) is not None:
        pointers = (ctypes.c_void_p(array.ctypes.data) for array in (rects, plain))
        if function(ctypes.c_void_p(quads.ctypes.data), ctypes.c_int64(len(quads)), threads(), *pointers):
            raise MemoryError('min_area_rects ran out of memory')
    rects[~plain] = _by_opencv(quads[~plain])
    return rects


def _by_opencv(quads: np.ndarray) -> np.ndarray:
    found = map(cv2.minAreaRect, quads.reshape(-1, 4, 2))
    x, y, w, h, degrees = np.array([(*centre, *sides, degrees) for centre, sides, degrees in found]).reshape(-1, 5).T
    turns = np.ceil(degrees / 90) - 1  # that lead to (0, 90]: OpenCV's range of angles changed between its versions
    swap = turns % 2 == 1
    return np.stack([x, y, np.where(swap, h, w), np.where(swap, w, h), np.deg2rad(degrees - 90 * turns)], 1)
