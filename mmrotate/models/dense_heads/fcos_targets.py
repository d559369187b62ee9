"""Which object the positions of FCOS belong to, and what those with one are asked."""

from typing import NamedTuple

import torch
from torch import Tensor

from mmrotate.core.bbox import along_sides
from mmrotate.ops.backend import operation

# pairs of position and object held at once: 16 MB of float32 for each of a dozen tensors
_CHUNK = 4_000_000


class Positives(NamedTuple):
    """The positions of a batch that have an object, a row each: what they are, say and shall say."""

    rows: Tensor  # (p,) where they stand among all positions: level by level, there image by image
    labels: Tensor
    points: Tensor  # (p, 2)
    strides: Tensor  # (p, 1)
    targets: Tensor  # distances (p, 4)
    angle_targets: Tensor  # (p, 1)
    distances: Tensor  # predicted (p, 4)
    angles: Tensor  # predicted (p, angle_dim)
    central: Tensor  # the centerness to learn (p,)
    owners: Tensor | None  # (p,) of heads whose targets have them
    number: Tensor  # of them, at least 1; mean over the processes


def _no_owners(points: Tensor, ranges: Tensor, radius: Tensor, gt_bboxes: Tensor) -> Tensor:
    return gt_bboxes.new_empty(gt_bboxes.size(0), points.size(0), dtype=torch.long)


@operation('fcos_owners', _no_owners)
def owners(points: Tensor, ranges: Tensor, radius: Tensor, gt_bboxes: Tensor) -> Tensor:
    """The object (N, P) of each point: the smallest of those it lies in and whose size it serves; -1 is none.

    Args:
        points: (P, 2) in pixels.
        ranges: (P, 2), the smallest and the largest distance to the farthest side that a point serves.
        radius: (P, 1), the largest distance from the object's centre along its sides.
        gt_bboxes: (N, n, 5), filled up with some of no size.
    """
    shape = (len(gt_bboxes), len(points))
    owner = gt_bboxes.new_full(shape, -1, dtype=torch.long)
    if not gt_bboxes.size(1):
        return owner
    smallest = gt_bboxes.new_full(shape, float('inf'))
    step = max(_CHUNK // owner.numel(), 1)
    for start in range(0, gt_bboxes.size(1), step):
        area, index = _areas(points, ranges, radius, gt_bboxes[:, start : start + step]).min(-1)
        owner = torch.where(area < smallest, index + start, owner)
        smallest = torch.minimum(area, smallest)
    return owner


def _areas(points: Tensor, ranges: Tensor, radius: Tensor, boxes: Tensor) -> Tensor:
    """Areas (N, P, n) of boxes (N, n, 5); infinite where a position is none of theirs."""
    along, across = (offset.abs() for offset in along_sides(points[:, None], boxes[:, None]))
    w, h = boxes[:, None, :, 2], boxes[:, None, :, 3]
    farthest = torch.maximum(w / 2 + along, h / 2 + across)
    good = (along < w / 2) & (across < h / 2) & (torch.maximum(along, across) < radius)
    good &= (farthest >= ranges[:, :1]) & (farthest <= ranges[:, 1:])
    return torch.where(good, w * h, float('inf'))
