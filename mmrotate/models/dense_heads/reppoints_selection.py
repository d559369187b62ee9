"""Which positives of an object a points head learns from, by their quality."""

import torch
from torch import Tensor

from mmrotate.ops import convex_iou

from .reppoints_targets import PointBatch

# a spread of losses below this has no shape to judge by
_MIN_VAR = 1e-12


def rank_in_group(values: Tensor, groups: Tensor) -> tuple[Tensor, Tensor]:
    """Place of each value (n,) among those of its group, from the smallest, and the group's size.

    Args:
        values: (n,); of equal ones the first goes first.
        groups: (n,) whole numbers from 0.
    """
    order = values.argsort(stable=True)
    order = order[groups[order].argsort(stable=True)]
    sizes = groups.bincount(minlength=1)
    starts = sizes.cumsum(0) - sizes
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order), device=order.device) - starts[groups[order]]
    return rank, sizes[groups]


def best_of_levels(cost: Tensor, owners: Tensor, level: Tensor, topk: int) -> Tensor:
    """Indices of the at most ``topk`` positives of least cost of each object on each level.

    Args:
        cost: (p,) of the positives.
        owners: (p,) their objects.
        level: (p,) their levels.
        topk: How many.
    """
    rank, _ = rank_in_group(cost, owners * (int(level.max()) + 1 if len(level) else 1) + level)
    return (rank < topk).nonzero().squeeze(1)


def own_shares(batch: PointBatch, owners: Tensor, rows: tuple[Tensor, ...]) -> Tensor:
    """Overlap with the own object over that with all of the image (p,), of first points.

    Args:
        batch: The positions.
        owners: (p,) objects among all of the batch.
        rows: Images (p,), in order, and positions (p,).
    """
    shares, first = [], 0
    for i, polys in enumerate(batch.gt_polys):
        here = rows[0] == i
        overlaps = convex_iou(batch.init[i, rows[1][here]], polys)
        own = overlaps.gather(1, owners[here, None] - first).squeeze(1)
        shares.append(own / (overlaps.sum(1) + 1e-6))
        first += len(polys)
    return torch.cat(shares)


def consistent_weights(cost: Tensor, owners: Tensor, share: Tensor, anti_factor: float) -> tuple[Tensor, Tensor]:
    """Positives that CFA keeps, and their weights (Guo et al., CVPR 2021, sections 3.2 and 3.3).

    In order of cost, an object's positives are followed up to where the confidence that a
    position belongs to it, times the cost, is largest.

    Args:
        cost: (p,) losses of the positives.
        owners: (p,) their objects.
        share: (p,) overlap with the own object over that with all of the image.
        anti_factor: Factor of the shares.

    Returns:
        Mask (p,) and weights (p,), which sum to the number kept of each object.
    """
    if not len(cost):
        return owners >= 0, cost
    rank, size = rank_in_group(cost, owners)
    table = cost.new_zeros(int(owners.max()) + 1, int(size.max()))
    filled = torch.zeros_like(table, dtype=torch.bool)
    values, shares = table.clone(), table.clone()
    filled[owners, rank], values[owners, rank], shares[owners, rank] = True, cost, share
    count = filled.sum(1, keepdim=True)
    mean = values.sum(1, keepdim=True) / count.clamp(min=1)
    gap = (values - mean).square() * filled
    var = (gap.sum(1, keepdim=True) / (count - 1).clamp(min=1)).clamp(min=_MIN_VAR)
    density = (-gap / var).exp() / var.sqrt() * filled
    tail = density.flip(1).cumsum(1).flip(1)
    last = tail.gather(1, (count - 1).clamp(min=0))
    confidence = (tail - last) / (tail[:, :1] - last).clamp(min=_MIN_VAR)
    end = (confidence * values).masked_fill(~filled, -torch.inf).argmax(1, keepdim=True)
    keep = filled & ((torch.arange(table.size(1), device=table.device) <= end) | (count < 2))
    raw = (anti_factor * shares * confidence + 1e-6) * keep
    weights = raw / raw.sum(1, keepdim=True).clamp(min=_MIN_VAR) * keep.sum(1, keepdim=True)
    weights = torch.where(count < 2, 1.0, weights)
    return keep[owners, rank], weights[owners, rank]


def handed_out_in_place(keep: Tensor, weights: Tensor, cost: Tensor, owners: Tensor) -> Tensor:
    """Weights (p,) of kept positives in order of object and cost, given in order of place."""
    kept = keep.nonzero().squeeze(1)
    by_cost = kept[rank_in_group(cost, owners)[0][kept].argsort(stable=True)]
    by_cost = by_cost[owners[by_cost].argsort(stable=True)]
    out = weights.clone()
    out[kept] = weights[by_cost]
    return out
