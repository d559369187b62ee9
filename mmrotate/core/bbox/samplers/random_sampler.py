"""Random samples of a fixed size and share, and the sample that takes all."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mmrotate.registry import TASK_UTILS

from ..assigners import AssignResult
from .sampling_result import SamplingResult


class Candidates(NamedTuple):
    """What a sampler may look at.

    Attributes:
        bboxes: Priors (n, d).
        labels: Classes (n,), -1 for background; None where they are not known.
        feats: Pyramid of the image, or None.
    """

    bboxes: Tensor
    labels: Tensor | None
    feats: Sequence[Tensor] | None


@TASK_UTILS.register_module()
class RandomSampler:
    """Draws positives up to a share, and fills up with negatives.

    Args:
        num: Priors of one image.
        pos_fraction: Largest share of positives, in [0, 1].
        neg_pos_ub: At most this many negatives for each positive; -1 for no bound.
        add_gt_as_proposals: Objects are priors too, so that training never lacks positives.
        context: The RoI head that it serves, for samplers that look at losses.
    """

    def __init__(
        self,
        num: int,
        pos_fraction: float,
        neg_pos_ub: float = -1,
        add_gt_as_proposals: bool = True,
        context: Any = None,
    ) -> None:
        self.num = num
        self.pos_fraction = pos_fraction
        self.neg_pos_ub = neg_pos_ub
        self.add_gt_as_proposals = add_gt_as_proposals
        self.context = context

    def sample(
        self,
        assign_result: AssignResult,
        bboxes: Tensor,
        gt_bboxes: Tensor,
        gt_labels: Tensor | None = None,
        feats: Sequence[Tensor] | None = None,
    ) -> SamplingResult:
        """Sample priors.

        Args:
            assign_result: Objects of the priors; with ``add_gt_as_proposals`` it is extended.
            bboxes: Priors (n, d).
            gt_bboxes: Objects (m, d).
            gt_labels: Classes (m,), needed to add the objects.
            feats: Pyramid of the one image, for samplers that look at losses.
        """
        gt_flags = bboxes.new_zeros(len(bboxes), dtype=torch.uint8)
        if self.add_gt_as_proposals and len(gt_bboxes):
            if gt_labels is None:
                raise ValueError('add_gt_as_proposals=True needs gt_labels')
            bboxes = torch.cat([gt_bboxes[:, : bboxes.size(1)].to(bboxes), bboxes])
            assign_result.add_gt_(gt_labels)
            gt_flags = torch.cat([gt_flags.new_ones(len(gt_bboxes)), gt_flags])
        positive = (assign_result.gt_inds > 0).nonzero().squeeze(1)
        negative = (assign_result.gt_inds == 0).nonzero().squeeze(1)
        candidates = Candidates(bboxes, assign_result.labels, feats)
        pos, neg = self._choose(positive, negative, candidates)
        return SamplingResult(pos, neg, bboxes, gt_bboxes, assign_result, gt_flags)

    def _pick(self, indices: Tensor, count: int, candidates: Candidates) -> Tensor:
        """``count`` of the indices (n,), without repetition: here at random."""
        return indices[torch.randperm(len(indices), device=indices.device)[:count]]

    def _choose(self, positive: Tensor, negative: Tensor, candidates: Candidates) -> tuple[Tensor, Tensor]:
        wanted = int(self.num * self.pos_fraction)
        if len(positive) > wanted:
            positive = self._pick(positive, wanted, candidates)
        wanted = self.num - len(positive)
        if self.neg_pos_ub >= 0:
            wanted = min(wanted, int(self.neg_pos_ub * max(1, len(positive))))
        if len(negative) > wanted:
            negative = self._pick(negative, wanted, candidates)
        return positive, negative


@TASK_UTILS.register_module()
class RRandomSampler(RandomSampler):
    """The same for rotated priors; the name that configs of 0.x use."""


@TASK_UTILS.register_module()
class PseudoSampler(RandomSampler):
    """Takes all that is assigned, for losses that weigh all priors themselves."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(num=-1, pos_fraction=1.0, add_gt_as_proposals=False)

    def _choose(self, positive: Tensor, negative: Tensor, candidates: Candidates) -> tuple[Tensor, Tensor]:
        return positive, negative
