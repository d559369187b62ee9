"""How the camera moved between two frames."""

import cv2
import numpy as np

_CORNERS, _LEAST, _SIDE = 400, 12, 640


class CameraMotion:
    """Shift, turn and scale of the picture from frame to frame, by corners that are followed (BoT-SORT's way)."""

    def __init__(self) -> None:
        self._before: np.ndarray | None = None

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """The matrix (2, 3) that brings points of the frame before into this frame (H, W, 3), uint8, BGR.

        It is that of no motion where too little can be followed.
        """
        scale = min(1.0, _SIDE / max(image.shape[:2]))
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else grey
        before, self._before = self._before, grey
        still = np.eye(2, 3)
        if before is None or before.shape != grey.shape:
            return still
        corners = cv2.goodFeaturesToTrack(before, _CORNERS, 0.01, 8)
        if corners is None or len(corners) < _LEAST:
            return still
        found, status, _ = cv2.calcOpticalFlowPyrLK(before, grey, corners, None)  # type: ignore[call-overload]
        good = status[:, 0] == 1
        if good.sum() < _LEAST:
            return still
        matrix, _ = cv2.estimateAffinePartial2D(corners[good], found[good], ransacReprojThreshold=2.0)
        if matrix is None:
            return still
        matrix[:, 2] /= scale
        return matrix


def moved(states: np.ndarray, covariances: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """States (n, 8) and covariances (n, 8, 8) of tracks after the picture moved by ``matrix`` (2, 3)."""
    turn = np.arctan2(matrix[1, 0], matrix[0, 0])
    scale = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    change = np.eye(states.shape[1])
    change[:2, :2] = change[5:7, 5:7] = matrix[:, :2]
    change[2, 2] = change[3, 3] = scale
    after = states @ change.T
    after[:, :2] += matrix[:, 2]
    after[:, 4] += turn
    return after, change @ covariances @ change.T
