"""What an assigner says of every prior."""

from dataclasses import dataclass

import torch
from torch import Tensor


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

    def add_gt_(self, gt_labels: Tensor) -> None:
        """Put every object in front, as a prior of its own."""
        own = torch.arange(1, len(gt_labels) + 1, device=gt_labels.device)
        self.gt_inds = torch.cat([own, self.gt_inds])
        self.max_overlaps = torch.cat(
            [self.max_overlaps.new_ones(len(gt_labels)), self.max_overlaps]
        )
        if self.labels is not None:
            self.labels = torch.cat([gt_labels, self.labels])
