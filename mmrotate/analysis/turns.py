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
    period = np.where(has_direction(objects), 180.0, 90.0)
    difference = (directions(boxes) - directions(objects)) % period
    return np.minimum(difference, period - difference)


def directions(boxes: np.ndarray) -> np.ndarray:
    """Direction of the long sides of boxes (..., 5) in degrees, clockwise on the screen, from 0 on and below 180."""
    degrees = np.degrees(boxes[..., 4].astype(np.float64)) + np.where(boxes[..., 2] >= boxes[..., 3], 0.0, 90.0)
    return degrees % 180 % 180  # a tiny negative one rounds up to 180


def has_direction(boxes: np.ndarray) -> np.ndarray:
    """Mask (...) of the boxes (..., 5) that are long enough to have one long side."""
    return aspect_ratios(boxes) >= _SQUARE


def turned(boxes: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """Boxes (n, 5) turned about their centres, so that their long side has the direction of that of their object."""
    swapped = (boxes[:, 2] >= boxes[:, 3]) != (objects[:, 2] >= objects[:, 3])
    angles = objects[:, 4] + np.where(swapped, np.pi / 2, 0.0)
    return np.column_stack([boxes[:, :4], angles]).astype(np.float32)
