"""What of an object lies in a window."""

import numpy as np

# smaller areas, in square pixels, are no share to speak of
_TINY = 1e-6


def inside_shares(polygons: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """The share (n, m), in [0, 1], of each polygon's area that lies in each window.

    Args:
        polygons: Corners (n, 2k) in pixels, as x, y in an order around the object; it need not be convex.
        windows: Left, top, right, bottom (m, 4) in pixels.
    """
    corners = polygons.astype(np.float64).reshape(len(polygons), polygons.shape[1] // 2, 2)
    windows = np.asarray(windows, np.float64)
    shares = np.zeros((len(corners), len(windows)))
    low, high = corners.min(1), corners.max(1)
    meets = (low[:, None] < windows[:, 2:]) & (high[:, None] > windows[:, :2])
    whole = (low[:, None] >= windows[:, :2]) & (high[:, None] <= windows[:, 2:])
    shares[whole.all(-1)] = 1  # not 1 less a rounding
    i, j = np.nonzero(meets.all(-1) & ~whole.all(-1))
    around = np.concatenate([low, high], 1)
    areas = np.maximum(_area_inside(corners, around), _TINY)
    shares[i, j] = np.clip(_area_inside(corners[i], windows[j]) / areas[i], 0, 1)
    return shares


def _area_inside(corners: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Area (p,) of polygons (p, k, 2) within their windows (p, 4).

    Around a polygon, the integral of y over x gives its area; with both held within the window, that of what is in it.
    """
    left, top, right, bottom = (side[:, None] for side in windows.T)
    x0, y0 = corners[..., 0], corners[..., 1]
    x1, y1 = np.roll(x0, -1, 1), np.roll(y0, -1, 1)
    start, end = _where(x0, x1, np.clip(x0, left, right)), _where(x0, x1, np.clip(x1, left, right))
    ya, yb = y0 + start * (y1 - y0), y0 + end * (y1 - y0)
    # along a side y is held in up to two stretches, which end where it reaches the top or the bottom
    turns = np.sort(np.stack([np.zeros_like(ya), _where(ya, yb, top), _where(ya, yb, bottom), np.ones_like(ya)]), 0)
    heights = np.clip(ya + turns * (yb - ya), top, bottom)
    mean = ((heights[1:] + heights[:-1]) * np.diff(turns, axis=0)).sum(0) / 2
    return np.abs((mean * (np.clip(x1, left, right) - np.clip(x0, left, right))).sum(1))


def _where(start: np.ndarray, end: np.ndarray, value: np.ndarray) -> np.ndarray:
    """How far, from 0 to 1, on the way from ``start`` to ``end`` is ``value``."""
    way = end - start
    return np.clip((value - start) / np.where(way == 0, 1, way), 0, 1)
