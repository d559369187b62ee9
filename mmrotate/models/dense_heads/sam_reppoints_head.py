"""RepPoints whose positives count by their place in the object."""

import math
from typing import Any

import torch
from torch import Tensor

from mmrotate.registry import MODELS

from .reppoints_head import RotatedRepPointsHead
from .reppoints_targets import PointTargets


@MODELS.register_module()
class SAMRepPointsHead(RotatedRepPointsHead):
    """Weighs positives by ``exp(1 / (1 + distance))`` to the centre, and background by e.

    Hou et al., Shape-Adaptive Selection and Measurement (SASM), AAAI 2022; the selection is that of
    SASAssigner. The arguments are those of the base; ``as_published`` also exchanges x and y of the
    place in the second stage, and measures along x and y, not along the sides.
    """

    def _targets(self, stage: str, proposals: Tensor, *truth: Any) -> PointTargets:
        targets = super()._targets(stage, proposals, *truth)
        rows = targets.owners >= 0
        places = proposals[rows]
        centres = places[:, :2] if stage == 'init' else places.unflatten(-1, (9, 2)).mean(1)
        factors = torch.full_like(targets.weights, math.e)
        if self.as_published and stage == 'refine':
            centres = centres.flip(-1)
        distances = shape_distances(centres, targets.polys[rows], turned=not self.as_published)
        factors[rows] = (1 / (1 + distances)).exp()
        return targets._replace(label_weights=targets.label_weights * factors, weights=targets.weights * factors)


def shape_distances(centres: Tensor, polys: Tensor, turned: bool = True) -> Tensor:
    """Distances (p,) of points (p, 2) to the centres of rectangles (p, 8), in roots of pixels.

    Along each side they count by the root of its length, so those along the longer one count less.

    Args:
        centres: The points.
        polys: The rectangles.
        turned: Measure along the sides, else along x and y, as if the rectangles were not turned.
    """
    corners = polys.unflatten(-1, (4, 2))
    sides = corners[:, 1:3] - corners[:, :2]
    length = sides.norm(dim=-1).clamp(min=1e-6)
    gap = centres - corners.mean(1)
    if turned:
        gap = (gap[:, None] * sides).sum(-1) / length
    return (gap.square() / length).sum(1).sqrt()
