"""Samplers: which of the assigned priors are trained on."""

from collections.abc import Iterable, Sequence
from copy import copy
from itertools import repeat
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mmrotate.ops.nms_rotated import unknown_count
from mmrotate.ops.opaque import Owner, opaque
from mmrotate.registry import TASK_UTILS
from mmrotate.utils.errors import ArgumentError
from mmrotate.utils.graph import is_empty

from .assigners import AssignResult
from .batches import apart, begins, joined, one_by_one
from .transforms import bbox2roi

_NEEDS_LABELS = 'add_gt_as_proposals=True needs gt_labels'


class SamplingResult:
    """Positive and negative priors of an image: ``pos_bboxes`` (p, d) and ``neg_bboxes`` (q, d).

    Of the positive ones it has ``pos_is_gt`` (p,) and, of their objects, ``pos_assigned_gt_inds`` (p,), from 0,
    ``pos_gt_bboxes`` (p, e) and ``pos_gt_labels`` (p,), None where classes were not given.

    Args:
        pos_inds: Indices (p,) of positive priors.
        neg_inds: Indices (q,) of negative priors.
        bboxes: Priors (n, d).
        gt_bboxes: Objects (m, e).
        assign_result: Objects of the priors.
        gt_flags: (n,) 1 for priors that are objects themselves.
        neg_label_weights: Weights (q,) of the negatives in the loss of classes; None for 1.
    """

    def __init__(
        self,
        pos_inds: Tensor,
        neg_inds: Tensor,
        bboxes: Tensor,
        gt_bboxes: Tensor,
        assign_result: AssignResult,
        gt_flags: Tensor,
        neg_label_weights: Tensor | None = None,
    ) -> None:
        self.pos_inds, self.neg_inds = pos_inds, neg_inds
        self.pos_bboxes, self.neg_bboxes = bboxes[pos_inds], bboxes[neg_inds]
        self.neg_label_weights = neg_label_weights
        self.pos_is_gt = gt_flags[pos_inds]
        self.num_gts = len(gt_bboxes)
        self.pos_assigned_gt_inds = assign_result.gt_inds[pos_inds] - 1
        self.pos_gt_bboxes = gt_bboxes[self.pos_assigned_gt_inds]
        labels = assign_result.labels
        self.pos_gt_labels = None if labels is None else labels[pos_inds]

    @classmethod
    def of_batch(
        cls,
        chosen: Sequence[tuple[Tensor, Tensor, Tensor | None]],
        bboxes: Sequence[Tensor],
        gt_bboxes: Sequence[Tensor],
        assigned: AssignResult,
        gt_flags: Tensor,
    ) -> list['SamplingResult']:
        """One for each image, of its chosen positive and negative indices and the weights of the latter.

        ``assigned`` (n,) and ``gt_flags`` (n,) are of the priors of all images, one after another.
        """
        pos, neg, weights = zip(*chosen, strict=True)
        priors, objects, found, others = (list(map(len, each)) for each in (bboxes, gt_bboxes, pos, neg))
        boxes, gts = (torch.cat(list(each)) for each in (bboxes, gt_bboxes))
        whole = cls(joined(pos, priors), joined(neg, priors), boxes, gts, assigned, gt_flags)
        whole.pos_assigned_gt_inds = whole.pos_assigned_gt_inds - begins(whole.pos_assigned_gt_inds, objects, found)
        fields = {name: value for name, value in vars(whole).items() if name.startswith('pos_') and value is not None}
        own: dict[str, Sequence] = {name: value.split(found) for name, value in fields.items()}
        own |= dict(pos_inds=pos, neg_inds=neg, neg_bboxes=whole.neg_bboxes.split(others))
        own |= dict(num_gts=objects, neg_label_weights=weights)
        samples = [copy(whole) for _ in pos]
        for index, sample in enumerate(samples):
            vars(sample).update({name: values[index] for name, values in own.items()})
        return samples

    @property
    def bboxes(self) -> Tensor:
        """Positive, then negative priors (p + q, d)."""
        return torch.cat([self.pos_bboxes, self.neg_bboxes])


class Candidates(NamedTuple):
    """What a sampler may look at."""

    bboxes: Tensor  # priors (n, d)
    assigned: AssignResult  # their objects
    feats: Sequence[Tensor] | None  # pyramid of the image


def _unknown_counts(_: object, positive: Tensor, negative: Tensor, *rest: object) -> list[Tensor]:
    return [unknown_count(positive), unknown_count(negative)]


@TASK_UTILS.register_module()
class RandomSampler(Owner):
    """Draws positives up to a share, and fills up with negatives.

    Args:
        num: Priors of one image.
        pos_fraction: Largest share of positives, in [0, 1].
        neg_pos_ub: At most this many negatives for each positive; -1 for no bound.
        add_gt_as_proposals: Objects are priors too, so that training never lacks positives.
        context: The RoI head that it serves, for samplers that look at losses.
    """

    # whether it looks at nothing but priors and their objects, and weighs no negatives: compilers take it as a whole
    by_facts = True

    def __init__(
        self,
        num: int,
        pos_fraction: float,
        neg_pos_ub: float = -1,
        add_gt_as_proposals: bool = True,
        context: Any = None,
    ) -> None:
        self.num, self.pos_fraction, self.neg_pos_ub = num, pos_fraction, neg_pos_ub
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
        if self.add_gt_as_proposals and not is_empty(gt_bboxes):
            if gt_labels is None:
                raise ArgumentError(_NEEDS_LABELS)
            bboxes = torch.cat([gt_bboxes[:, : bboxes.size(1)].to(bboxes), bboxes])
            assign_result.add_gt_(gt_labels)
            gt_flags = torch.cat([gt_flags.new_ones(len(gt_bboxes)), gt_flags])
        positive = (assign_result.gt_inds > 0).nonzero().squeeze(1)
        negative = (assign_result.gt_inds == 0).nonzero().squeeze(1)
        if torch.compiler.is_compiling() and self.by_facts:
            pos, neg = self._by_facts(positive, negative, bboxes, assign_result.gt_inds, assign_result.max_overlaps)
            return SamplingResult(pos, neg, bboxes, gt_bboxes, assign_result, gt_flags)
        pos, neg, weights = self._choose(positive, negative, Candidates(bboxes, assign_result, feats))
        return SamplingResult(pos, neg, bboxes, gt_bboxes, assign_result, gt_flags, weights)

    def sample_batch(
        self,
        assign_result: AssignResult,
        bboxes: Sequence[Tensor],
        gt_bboxes: Sequence[Tensor],
        gt_labels: Sequence[Tensor] | None = None,
        feats: Iterable[Sequence[Tensor] | None] = repeat(None),
    ) -> list[SamplingResult]:
        """The same for the images of a batch; ``assign_result`` is that of all, see ``assign_batch``."""
        flags = torch.zeros_like(assign_result.gt_inds, dtype=torch.uint8)
        if self.add_gt_as_proposals and any(map(len, gt_bboxes)):
            assign_result, bboxes, flags = _with_objects(assign_result, bboxes, gt_bboxes, gt_labels)
        counts = list(map(len, bboxes))
        indices = zip(
            *(apart(mask, counts) for mask in (assign_result.gt_inds > 0, assign_result.gt_inds == 0)), strict=True
        )
        images = map(Candidates, bboxes, assign_result.split(counts), feats)
        chosen = [self._choose(pos, neg, image) for (pos, neg), image in zip(indices, images, strict=True)]
        return SamplingResult.of_batch(chosen, bboxes, gt_bboxes, assign_result, flags)

    @opaque(_unknown_counts)
    def _by_facts(self, positive: Tensor, negative: Tensor, bboxes: Tensor, *facts: Tensor) -> list[Tensor]:
        """What is trained on of positive (p,) and negative indices (q,) of priors (n, d) and their ``facts`` (n,)."""
        chosen = self._choose(positive, negative, Candidates(bboxes, AssignResult(0, *facts), None))
        return [indices.clone() for indices in chosen[:2]]

    def _pick_positive(self, indices: Tensor, count: int, candidates: Candidates) -> Tensor:
        """``count`` of the positive indices (n,), without repetition: here at random."""
        return self.random_choice(indices, count)

    def _pick_negative(self, indices: Tensor, count: int, candidates: Candidates) -> Tensor:
        """``count`` of the negative indices (n,), likewise."""
        return self.random_choice(indices, count)

    def random_choice(self, gallery: Tensor, num: int) -> Tensor:
        """``num`` of the entries (n,), without repetition."""
        return gallery[torch.randperm(len(gallery), device=gallery.device)[:num]]

    def _negatives(self, indices: Tensor, most: int, candidates: Candidates) -> tuple[Tensor, Tensor | None]:
        """At most so many of the negative indices (n,), and their weights; None for 1."""
        return self._pick_negative(indices, most, candidates) if len(indices) > most else indices, None

    def _choose(self, positive: Tensor, negative: Tensor, candidates: Candidates) -> tuple[Tensor, Tensor, Any]:
        """What is trained on of positive (p,) and negative indices (q,), and the weights of the latter."""
        wanted = int(self.num * self.pos_fraction)
        if len(positive) > wanted:
            positive = self._pick_positive(positive, wanted, candidates)
        wanted = self.num - len(positive)
        if self.neg_pos_ub >= 0:
            wanted = min(wanted, int(self.neg_pos_ub * max(1, len(positive))))
        return positive, *self._negatives(negative, wanted, candidates)


def _with_objects(
    assigned: AssignResult, bboxes: Sequence[Tensor], gt_bboxes: Sequence[Tensor], gt_labels: Sequence[Tensor] | None
) -> tuple[AssignResult, Sequence[Tensor], Tensor]:
    """The assignment of a batch and its priors, those of an image behind its objects; and what is an object, by 1."""
    if gt_labels is None:
        raise ArgumentError(_NEEDS_LABELS)
    counts, objects = list(map(len, bboxes)), list(map(len, gt_bboxes))

    def behind(new: Tensor, old: Tensor) -> Tensor:
        return one_by_one(new.split(objects), old.split(counts))

    own = torch.arange(1, sum(objects) + 1, device=assigned.gt_inds.device)
    ones, none = torch.ones_like(own), torch.zeros_like(assigned.gt_inds)
    labels = None if assigned.labels is None else behind(torch.cat(list(gt_labels)), assigned.labels)
    overlaps = behind(ones.to(assigned.max_overlaps), assigned.max_overlaps)
    boxes = behind(torch.cat(list(gt_bboxes))[:, : bboxes[0].size(1)].to(bboxes[0]), torch.cat(list(bboxes)))
    sizes = [count + own for count, own in zip(counts, objects, strict=True)]
    result = AssignResult(assigned.num_gts, behind(own, assigned.gt_inds), overlaps, labels)
    return result, boxes.split(sizes), behind(ones, none)


@TASK_UTILS.register_module()
class RRandomSampler(RandomSampler):
    """The same for rotated priors; the name that configs of 0.x use."""


@TASK_UTILS.register_module()
class OHEMSampler(RandomSampler):
    """Takes the priors of the largest classification loss (Shrivastava et al., CVPR 2016).

    Its context is the RoI head: ``context.sample_losses(feats, rois, labels)`` gives the losses.
    The arguments are those of :class:`RandomSampler`.
    """

    by_facts = False

    @torch.no_grad()
    def _pick_positive(self, indices: Tensor, count: int, candidates: Candidates) -> Tensor:
        bboxes, labels, feats = candidates.bboxes, candidates.assigned.labels, candidates.feats
        if self.context is None or feats is None or labels is None:
            raise ValueError('OHEMSampler serves RoI heads: it needs context, feats and gt_labels')
        losses = self.context.sample_losses(feats, bbox2roi([bboxes[indices]]), labels[indices])
        return indices[losses.topk(count).indices]

    _pick_negative = _pick_positive


@TASK_UTILS.register_module()
class PseudoSampler(RandomSampler):
    """Takes all that is assigned, for losses that weigh all priors themselves."""

    by_facts = False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(num=-1, pos_fraction=1.0, add_gt_as_proposals=False)

    def _choose(self, positive: Tensor, negative: Tensor, candidates: Candidates) -> tuple[Tensor, Tensor, Any]:
        return positive, negative, None
