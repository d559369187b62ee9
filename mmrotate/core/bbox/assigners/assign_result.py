"""What an assigner says of every prior."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass
class AssignResult:
    """Objects of priors.

    Attributes:
        num_gts: Objects of the image.
        gt_inds: (n,) of int64: 0 for background, -1 for priors that count neither way, else one
            more than the object's index.
        max_overlaps: (n,) overlap with the nearest object.
        labels: (n,) class of the object, -1 without one; None where classes were not given.
    """

    num_gts: int
    gt_inds: Tensor
    max_overlaps: Tensor
    labels: Tensor | None = None

    @classmethod
    def of(cls, num_gts: int, gt_inds: Tensor, max_overlaps: Tensor, gt_labels: Tensor | None) -> 'AssignResult':
        """The result with the labels of ``gt_inds`` filled in from ``gt_labels`` (num_gts,)."""
        labels = None
        if gt_labels is not None:
            # the place before the first object: no class
            labels = F.pad(gt_labels, (1, 0), value=-1)[gt_inds.clamp(min=0)]
        return cls(num_gts, gt_inds, max_overlaps, labels)

    @classmethod
    def of_pairs(
        cls, counts: tuple[int, int], pairs: tuple[Tensor, Tensor], values: Tensor, gt_labels: Tensor | None
    ) -> 'AssignResult':
        """Every prior goes to the object of the pair of largest value, of equal ones the first.

        Args:
            counts: Priors n and objects m.
            pairs: Indices (p,) of the priors, and of the objects that want them.
            values: (p,), not NaN.
            gt_labels: Classes (m,).
        """
        (n, m), (priors, gts) = counts, pairs
        best = values.new_full((n,), -torch.inf).scatter_reduce_(0, priors, values, 'amax')
        won = values == best[priors]
        owner = gts.new_full((n,), m).scatter_reduce_(0, priors[won], gts[won], 'amin')
        gt_inds = torch.where(owner < m, owner + 1, 0)
        return cls.of(m, gt_inds, best.where(owner < m, 0.0), gt_labels)

    def add_gt_(self, gt_labels: Tensor) -> None:
        """Put every object in front, as a prior of its own."""
        own = torch.arange(1, len(gt_labels) + 1, device=gt_labels.device)
        self.gt_inds = torch.cat([own, self.gt_inds])
        self.max_overlaps = torch.cat([self.max_overlaps.new_ones(len(gt_labels)), self.max_overlaps])
        if self.labels is not None:
            self.labels = torch.cat([gt_labels, self.labels])
