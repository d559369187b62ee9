"""What the reference values of RepPoints were drawn with, where ours is something else."""

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from mmrotate.models.dense_heads import point_head


def opencv_rectangles(points: Tensor) -> Tensor:
    """OpenCV's smallest rectangles: around a triangle three are, and it takes another than ours."""
    rects = [cv2.minAreaRect(row.reshape(9, 2)) for row in points.detach().numpy()]
    corners = np.array([cv2.boxPoints(rect) for rect in rects], np.float32)
    return torch.from_numpy(corners.reshape(-1, 8))


def as_the_reference(patch: pytest.MonkeyPatch) -> None:
    """Make the heads do what the reference does."""
    patch.setattr(point_head, 'min_area_polygons', opencv_rectangles)
