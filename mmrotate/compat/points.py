"""Helpers of the methods on points of MMRotate 0.3, under their former names."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mmrotate.core.bbox.transforms import aspect_ratio, circumscribed
from mmrotate.ops import chamfer_distance, convex_iou

AspectRatio, get_horizontal_bboxes = aspect_ratio, circumscribed


def convex_overlaps(gt_rbboxes: Tensor, points: Tensor) -> Tensor:
    """Overlaps (m, n) of corners (m, 8) with the hulls of point sets (n, 18)."""
    return convex_iou(points, gt_rbboxes).T


def levels_to_images(mlvl_tensor: Sequence[Tensor], flatten: bool = False) -> list[Tensor]:
    """Per image one tensor (sum of H W, C) of the maps (N, C, H, W) of all levels; (N, H, W, C) if ``flatten``."""
    rows = [(level if flatten else level.movedim(1, -1)).flatten(1, 2) for level in mlvl_tensor]
    return list(torch.cat(rows, 1))


def get_num_level_anchors_inside(num_level_anchors: Sequence[int], inside_flags: Tensor) -> list[int]:
    """How many of each level's anchors lie inside, by a mask over all of them."""
    return [int(flags.sum()) for flags in inside_flags.split(list(num_level_anchors))]


def points_center_pts(RPoints: Tensor, y_first: bool = True) -> Tensor:
    """Centres (n, 2) as x, y of point sets (n, 2 k), given as y, x, ... or, without ``y_first``, as x, y, ..."""
    centre = RPoints.unflatten(1, (-1, 2)).mean(1)
    return centre.flip(1) if y_first else centre


def ChamferDistance2D(
    point_set_1: Tensor, point_set_2: Tensor, distance_weight: float = 0.05, eps: float = 1e-12
) -> Tensor:
    """Mean distance (n,) to the nearest point of the other set, of (n, k, 2) both ways, times ``distance_weight``."""
    near = [squared.clamp(min=eps).sqrt().mean(-1) for squared in chamfer_distance(point_set_1, point_set_2)[:2]]
    return distance_weight * (near[0] + near[1]) / 2
