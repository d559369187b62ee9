"""Priors that are trained on, and their objects."""

import torch
from torch import Tensor

from ..assigners import AssignResult


class SamplingResult:
    """Positive and negative priors of an image.

    Args:
        pos_inds: Indices (p,) of positive priors.
        neg_inds: Indices (q,) of negative priors.
        bboxes: Priors (n, d).
        gt_bboxes: Objects (m, e).
        assign_result: Objects of the priors.
        gt_flags: (n,) 1 for priors that are objects themselves.

    Attributes:
        pos_bboxes: (p, d).
        neg_bboxes: (q, d).
        pos_is_gt: (p,) of ``gt_flags``.
        pos_assigned_gt_inds: (p,) index of the object, from 0.
        pos_gt_bboxes: (p, e).
        pos_gt_labels: (p,), or None where classes were not given.
    """

    def __init__(
        self,
        pos_inds: Tensor,
        neg_inds: Tensor,
        bboxes: Tensor,
        gt_bboxes: Tensor,
        assign_result: AssignResult,
        gt_flags: Tensor,
    ) -> None:
        self.pos_inds, self.neg_inds = pos_inds, neg_inds
        self.pos_bboxes, self.neg_bboxes = bboxes[pos_inds], bboxes[neg_inds]
        self.pos_is_gt = gt_flags[pos_inds]
        self.num_gts = len(gt_bboxes)
        self.pos_assigned_gt_inds = assign_result.gt_inds[pos_inds] - 1
        self.pos_gt_bboxes = gt_bboxes[self.pos_assigned_gt_inds]
        labels = assign_result.labels
        self.pos_gt_labels = None if labels is None else labels[pos_inds]

    @property
    def bboxes(self) -> Tensor:
        """Positive, then negative priors (p + q, d)."""
        return torch.cat([self.pos_bboxes, self.neg_bboxes])
