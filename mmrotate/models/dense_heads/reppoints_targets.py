"""What the positions of a points head shall say."""

from typing import Any, NamedTuple

import torch
from torch import Tensor


class PointBatch(NamedTuple):
    """Positions of a batch, all levels one after the other.

    Attributes:
        scores: Logits (N, n, C).
        init: Points (N, n, 18) of the first stage, in pixels.
        refine: Points (N, n, 18) of the second stage.
        scale: Pixels (n,) that the losses take as one.
        level: Level (n,) of each position.
        counts: Positions of each level.
        gt_polys: Per image the corners (m, 8) of its objects.
    """

    scores: Tensor
    init: Tensor
    refine: Tensor
    scale: Tensor
    level: Tensor
    counts: list[int]
    gt_polys: list[Tensor]


class PointTargets(NamedTuple):
    """Targets of a batch.

    Attributes:
        labels: (N, n) classes, the number of classes for background.
        label_weights: (N, n) 0 for positions that count neither way.
        polys: (N, n, 8) corners of the objects.
        weights: (N, n) above 0 for positive positions.
        owners: (N, n) the position's object among all of the batch, -1 for none.
    """

    labels: Tensor
    label_weights: Tensor
    polys: Tensor
    weights: Tensor
    owners: Tensor


@torch.no_grad()
def point_targets(
    assigner: Any,
    proposals: Tensor,
    valid: Tensor,
    batch: PointBatch,
    gt_labels: list[Tensor],
    gt_ignore: list[Tensor | None],
    pos_weight: float = -1,
) -> PointTargets:
    """Targets of one stage.

    Args:
        assigner: Between proposals and corners; one with ``by_level`` gets their counts too.
        proposals: (N, n, d).
        valid: Mask (N, n) of the positions that take part.
        batch: The positions.
        gt_labels: Per image (m,).
        gt_ignore: Per image the corners (k, 8) of boxes that count neither way, or None.
        pos_weight: Weight of positives in the classification; 1 if not above 0.
    """
    assigned = valid.new_full(valid.shape, -1, dtype=torch.long)
    for i, polys in enumerate(batch.gt_polys):
        here = valid[i]
        args: tuple = (proposals[i][here], polys, gt_ignore[i], gt_labels[i])
        if getattr(assigner, 'by_level', False):
            levels = batch.level[here].bincount(minlength=len(batch.counts))
            args = (args[0], levels.tolist(), *args[1:])
        assigned[i, here] = assigner.assign(*args).gt_inds
    positive = assigned > 0
    objects = [len(polys) for polys in batch.gt_polys]
    first = torch.tensor([0, *objects[:-1]], device=valid.device).cumsum(0)
    owners = torch.where(positive, assigned - 1 + first[:, None], -1)
    # a last row for positions without an object
    background = batch.scores.size(-1)
    labels = torch.cat([*gt_labels, owners.new_full((1,), background)])
    corners = torch.cat([*batch.gt_polys, proposals.new_zeros(1, 8)])
    label_weights = torch.where(positive, pos_weight if pos_weight > 0 else 1.0, assigned == 0)
    return PointTargets(labels[owners], label_weights.float(), corners[owners], positive.float(), owners)
