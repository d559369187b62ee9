"""Kalman filters of rotated boxes that move and turn evenly; all tracks are one array."""

import numpy as np

# cx, cy, w, h, theta, and the changes of cx, cy and theta in a frame
SIZE, MEASURED = 8, 5
_MOVING = (0, 1, 4)
_POSITION, _VELOCITY, _ANGLE, _TURNING = 1 / 20, 1 / 160, 0.05, 0.01  # standard deviations; the first two per height


def aligned(boxes: np.ndarray, states: np.ndarray) -> np.ndarray:
    """Boxes (n, 5) as the one of their four names that is nearest to the states (n, 8).

    A rectangle has a name for every half turn, and one with its sides swapped for every quarter turn; without a choice
    an object would seem to spin where the range of its angle ends.
    """
    best, least = boxes.copy(), np.full(len(boxes), np.inf)
    for quarter in range(4):
        other = boxes.copy()
        if quarter % 2:
            other[:, [2, 3]] = boxes[:, [3, 2]]
        other[:, 4] += quarter * np.pi / 2
        other[:, 4] += 2 * np.pi * np.round((states[:, 4] - other[:, 4]) / (2 * np.pi))
        sides = np.abs(np.log(np.maximum(other[:, 2:4], 1e-3) / np.maximum(states[:, 2:4], 1e-3))).sum(1)
        apart = np.abs(other[:, 4] - states[:, 4]) + 2 * sides
        nearer = apart < least
        best[nearer], least[nearer] = other[nearer], apart[nearer]
    return best


def begin(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """States (n, 8) and covariances (n, 8, 8) of boxes (n, 5) that stand still."""
    states = np.c_[boxes, np.zeros((len(boxes), SIZE - MEASURED))]
    return states, _diagonal(2 * _measured(boxes), 10 * _moved(boxes))


def predict(states: np.ndarray, covariances: np.ndarray, frames: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """States and covariances after ``frames`` frames."""
    transition = np.eye(SIZE)
    transition[_MOVING, range(MEASURED, SIZE)] = frames
    noise = _diagonal(_measured(states), _moved(states)) * frames
    return states @ transition.T, transition @ covariances @ transition.T + noise


def update(states: np.ndarray, covariances: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """States and covariances after boxes (n, 5) were seen there."""
    uncertain = _diagonal(_measured(states))
    gain = covariances[:, :, :MEASURED] @ np.linalg.inv(covariances[:, :MEASURED, :MEASURED] + uncertain)
    missed = aligned(boxes, states) - states[:, :MEASURED]
    after = states + (gain @ missed[:, :, None])[..., 0]
    after[:, 2:4] = np.maximum(after[:, 2:4], 1e-2)
    left = np.eye(SIZE) - np.pad(gain, ((0, 0), (0, 0), (0, SIZE - MEASURED)))
    # the symmetric form keeps a covariance one
    turned = left.transpose(0, 2, 1)
    return after, left @ covariances @ turned + gain @ uncertain @ gain.transpose(0, 2, 1)


def _scale(states: np.ndarray) -> np.ndarray:
    """What errors grow with: the geometric mean of the sides."""
    return np.sqrt(np.maximum(states[:, 2] * states[:, 3], 1.0))


def _measured(states: np.ndarray) -> np.ndarray:
    position = _POSITION * _scale(states)
    return np.stack([*[position] * 4, np.full_like(position, _ANGLE)], 1)


def _moved(states: np.ndarray) -> np.ndarray:
    velocity = _VELOCITY * _scale(states)
    return np.stack([velocity, velocity, np.full_like(velocity, _TURNING)], 1)


def _diagonal(*deviations: np.ndarray) -> np.ndarray:
    variances = np.concatenate(deviations, 1) ** 2
    return variances[:, :, None] * np.eye(variances.shape[1])
