"""What the reference values of RepPoints were drawn with, where ours is something else."""

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from mmrotate.models.dense_heads import oriented_reppoints_head, reppoints_head
from mmrotate.models.dense_heads.reppoints_selection import consistent_weights, rank_in_group


def opencv_rectangles(points: Tensor) -> Tensor:
    """OpenCV's smallest rectangles: around a triangle three are, and it takes another than ours."""
    rects = [cv2.minAreaRect(row.reshape(9, 2)) for row in points.detach().numpy()]
    corners = np.array([cv2.boxPoints(rect) for rect in rects], np.float32)
    return torch.from_numpy(corners.reshape(-1, 8))


def misread_points(offsets: Tensor, positions: Tensor) -> Tensor:
    """Points whose offsets down are taken for those to the right, and the other way round."""
    pairs = offsets.unflatten(-1, (-1, 2))
    return (pairs * positions[:, None, 2:] + positions[:, None, :2]).flatten(-2)


def misplaced_weights(
    cost: Tensor, owners: Tensor, share: Tensor, anti_factor: float
) -> tuple[Tensor, Tensor]:
    """The weights of CFA in order of object and cost, given to the positives in order of place."""
    keep, weights = consistent_weights(cost, owners, share, anti_factor)
    kept = keep.nonzero().squeeze(1)
    order = kept[rank_in_group(cost, owners)[0][kept].argsort(stable=True)]
    order = order[owners[order].argsort(stable=True)]
    weights = weights.clone()
    weights[kept] = weights[order]
    return keep, weights


def as_the_reference(patch: pytest.MonkeyPatch) -> None:
    """Make the heads do what the reference does."""
    for module in (reppoints_head, oriented_reppoints_head):
        patch.setattr(module, 'min_area_polygons', opencv_rectangles)
    head = reppoints_head.RotatedRepPointsHead
    patch.setattr(head, '_proposals', staticmethod(misread_points))
    patch.setattr(reppoints_head, 'consistent_weights', misplaced_weights)
