"""What the positions of a points head shall say, and which positives it learns from."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mmrotate.ops import convex_iou

# a spread of losses below this has no shape to judge by
_MIN_VAR = 1e-12


class PointImage(NamedTuple):
    """Positions of an image, all levels one after the other."""

    scores: Tensor  # logits (n, C)
    init: Tensor  # points (n, 18) of the first stage, in pixels
    refine: Tensor  # points (n, 18) of the second stage
    labels: Tensor  # (n,) as the next three see PointTargets
    label_weights: Tensor  # (n,)
    polys: Tensor  # (n, 8)
    weights: Tensor  # (n,)
    pos_inds: Tensor  # indices (p,) of positives
    gt_inds: Tensor  # their objects (p,) of the image
    gt_polys: Tensor  # corners (m, 8) of its objects
    counts: list[int]  # positions of each level


class PointTargets(NamedTuple):
    """Targets of a batch."""

    labels: Tensor  # (N, n) classes, the number of classes for background
    label_weights: Tensor  # (N, n) 0 for positions that count neither way
    polys: Tensor  # (N, n, 8) corners of the objects
    proposals: Tensor  # (N, n, d) what they were assigned to
    weights: Tensor  # (N, n) above 0 for positive positions
    owners: Tensor  # (N, n) the position's object in its image, -1 for none


@torch.no_grad()
def point_targets(
    assigner: Any,
    proposals: Tensor,
    valid: Tensor,
    counts: list[int],
    gt_polys: list[Tensor],
    gt_labels: list[Tensor],
    gt_ignore: Sequence[Tensor | None],
    background: int,
    pos_weight: float = -1,
) -> PointTargets:
    """Targets of one stage, from proposals (N, n, d) with a mask (N, n) of those that take part.

    Each image has the corners (m, 8) of its objects, their labels (m,), and the corners (k, 8) of boxes that
    count neither way, or None. An assigner with ``by_level`` gets the ``counts`` of positions too, one with
    ``by_overlap`` its ``convex_overlaps``. Positives weigh ``pos_weight`` in the classification, or 1 if it is not
    above 0.
    """
    assigned = valid.new_full(valid.shape, -1, dtype=torch.long)
    by_level, by_overlap = (getattr(assigner, name, False) for name in ('by_level', 'by_overlap'))
    for i, (here, polys, *truth) in enumerate(zip(valid, gt_polys, gt_ignore, gt_labels, strict=True)):
        points = proposals[i, here]
        levels = ([int(part.sum()) for part in here.split(counts)],) if by_level else ()
        overlaps = (assigner.convex_overlaps(polys, points),) if by_overlap else ()
        assigned[i, here] = assigner.assign(points, *levels, polys, *overlaps, *truth).gt_inds
    positive, owners = assigned > 0, (assigned - 1).clamp(min=-1)
    # among the objects of all images, and a last one for positions without
    first = torch.tensor([0, *map(len, gt_polys[:-1])], device=valid.device).cumsum(0)
    index = torch.where(positive, owners + first[:, None], -1)
    labels = torch.cat([*gt_labels, owners.new_full((1,), background)])
    corners = torch.cat([*gt_polys, proposals.new_zeros(1, 8)])
    label_weights = torch.where(positive, pos_weight if pos_weight > 0 else 1.0, assigned == 0)
    return PointTargets(labels[index], label_weights.float(), corners[index], proposals, positive.float(), owners)


def rank_in_group(values: Tensor, groups: Tensor) -> tuple[Tensor, Tensor]:
    """Place of each value (n,) among those of its group (n,), from the smallest, and the group's size.

    Of equal values the first goes first; groups are whole numbers from 0.
    """
    order = values.argsort(stable=True)
    order = order[groups[order].argsort(stable=True)]
    sizes = groups.bincount(minlength=1)
    starts = sizes.cumsum(0) - sizes
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order), device=order.device) - starts[groups[order]]
    return rank, sizes[groups]


def best_of_levels(cost: Tensor, owners: Tensor, level: Tensor, topk: int) -> Tensor:
    """Indices of the at most ``topk`` positives (p,) of least cost of each object on each level."""
    rank, _ = rank_in_group(cost, owners * (int(level.max()) + 1 if len(level) else 1) + level)
    return (rank < topk).nonzero().squeeze(1)


def own_shares(points: Tensor, polys: Tensor, owners: Tensor) -> Tensor:
    """Overlap of points (p, 18) with their own object (p,) of an image over that with all (m, 8)."""
    overlaps = convex_iou(points, polys)
    return overlaps.gather(1, owners[:, None]).squeeze(1) / (overlaps.sum(1) + 1e-6)


def consistent_weights(cost: Tensor, owners: Tensor, share: Tensor, anti_factor: float) -> tuple[Tensor, Tensor]:
    """Positives that CFA keeps, and their weights (Guo et al., CVPR 2021, sections 3.2 and 3.3).

    In order of cost, an object's positives are followed up to where the confidence that a position
    belongs to it, times the cost, is largest. All are (p,); the weights sum to the number kept of each
    object. ``share`` is the overlap with the own object over that with all of the image.
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
