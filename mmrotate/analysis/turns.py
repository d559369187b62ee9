"""By how much boxes are turned against each other, whatever their angle version."""

import numpy as np

_SQUARE = 1.2  # up to this ratio of its sides a box has no long side that an angle could be told by


def aspect_ratios(boxes: np.ndarray) -> np.ndarray:
    """Long over short side of boxes (..., 5), from 1 on."""
    sides = np.maximum(boxes[..., 2:4], 1e-6)
    return sides.max(-1) / sides.min(-1)


def turns(boxes: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """Degrees between the long sides of boxes (..., 5) and objects that broadcast with them, from 0 to 90.

    Of an object that is all but square each side may be the long one: from 0 to 45.
    """
    period = np.where(aspect_ratios(objects) < _SQUARE, 90.0, 180.0)
    difference = (_direction(boxes) - _direction(objects)) % period
    return np.minimum(difference, period - difference)


def _direction(boxes: np.ndarray) -> np.ndarray:
    """Direction of the long side in degrees."""
    return np.degrees(boxes[..., 4].astype(np.float64)) + np.where(boxes[..., 2] >= boxes[..., 3], 0.0, 90.0)


def turned(boxes: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """Boxes (n, 5) turned about their centres, so that their long side has the direction of that of their object."""
    swapped = (boxes[:, 2] >= boxes[:, 3]) != (objects[:, 2] >= objects[:, 3])
    angles = objects[:, 4] + np.where(swapped, np.pi / 2, 0.0)
    return np.column_stack([boxes[:, :4], angles]).astype(np.float32)
