"""Distances between sets of points."""

import torch
from torch import Tensor

from .backend import compute_dtype
from .checks import check_floating

# pairs of points held at once: about 100 MB
_CHUNK = 4_000_000


def chamfer_distance(pts1: Tensor, pts2: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Squared distance of every point to the nearest of the other set, with gradient to both.

    Fan et al., A Point Set Generation Network for 3D Object Reconstruction from a Single Image, CVPR 2017.

    Args:
        pts1: Points (B, N, 2); any other number of coordinates serves too.
        pts2: Points (B, M, 2).

    Returns:
        Squared distances (B, N) from the points of the first set and (B, M) from those of the
        second, float64 for float64 points, else float32; then the indices (B, N) and (B, M) of
        the nearest points, int32. Of equally near points the first counts.

    Raises:
        ValueError: a shape or type that makes no sense, or one set empty and the other not.
    """
    check_floating('pts1', pts1)
    check_floating('pts2', pts2)
    # of one batch, with as many coordinates
    if pts1.dim() != 3 or pts2.dim() != 3 or pts1.shape[::2] != pts2.shape[::2]:
        raise ValueError(
            f'pts1 and pts2 must have shapes (B, N, 2) and (B, M, 2), got {tuple(pts1.shape)} and {tuple(pts2.shape)}'
        )
    if len(pts1) and (pts1.size(1) == 0) != (pts2.size(1) == 0):
        raise ValueError(f'no point is nearest in an empty set, got {pts1.size(1)} and {pts2.size(1)} points')
    dtype = compute_dtype(pts1, pts2)
    pts1, pts2 = pts1.to(dtype), pts2.to(dtype)
    index1, index2 = _nearest(pts1, pts2), _nearest(pts2, pts1)
    return _squared(pts1, pts2, index1), _squared(pts2, pts1, index2), index1.int(), index2.int()


@torch.no_grad()
def _nearest(points: Tensor, others: Tensor) -> Tensor:
    """Index (B, N) of the nearest of ``others`` (B, M, k) for each of ``points`` (B, N, k)."""
    batch, count, _ = points.shape
    if points.numel() == 0:
        return points.new_zeros(batch, count, dtype=torch.long)
    rows = max(_CHUNK // (batch * others.size(1)), 1)
    parts = []
    for part in points.split(rows, 1):
        distance = part.new_zeros(batch, part.size(1), others.size(1))
        for k in range(points.size(2)):
            distance += (part[..., k, None] - others[:, None, :, k]).square()
        parts.append(distance.argmin(2))
    return torch.cat(parts, 1)


def _squared(points: Tensor, others: Tensor, index: Tensor) -> Tensor:
    nearest = others.gather(1, index[..., None].expand(-1, -1, points.size(2)))
    return (points - nearest).square().sum(2)
