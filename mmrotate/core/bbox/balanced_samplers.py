"""Samplers that balance what is trained on: over objects, over overlaps, by what confuses the detector."""

from typing import Any

import torch
from torch import Tensor

from mmrotate.ops import box_iou_rotated
from mmrotate.registry import TASK_UTILS
from mmrotate.utils.errors import ArgumentError

from .builder import build_sampler
from .samplers import Candidates, RandomSampler
from .transforms import bbox2roi


def _fill(sampler: RandomSampler, picked: Tensor, pool: Tensor, count: int) -> Tensor:
    """Exactly ``count`` of ``pool``: those picked, with others at random or less of them."""
    if len(picked) > count:
        return sampler.random_choice(picked, count)
    rest = pool[~torch.isin(pool, picked)]
    return torch.cat([picked, sampler.random_choice(rest, count - len(picked))])


@TASK_UTILS.register_module()
class InstanceBalancedPosSampler(RandomSampler):
    """Draws about as many positives of each object (Pang et al., Libra R-CNN, CVPR 2019).

    Arguments as of :class:`RandomSampler`.
    """

    def _pick_positive(self, indices: Tensor, count: int, candidates: Candidates) -> Tensor:
        owners = candidates.assigned.gt_inds[indices]
        objects = owners.unique()
        share = round(count / len(objects)) + 1
        picked = torch.cat([self.random_choice(indices[owners == each], share) for each in objects])
        return _fill(self, picked, indices, count)


@TASK_UTILS.register_module()
class IoUBalancedNegSampler(RandomSampler):
    """Draws negatives evenly over how much they overlap objects (Pang et al., Libra R-CNN, CVPR 2019).

    Args:
        num: See :class:`RandomSampler`.
        pos_fraction: Likewise.
        floor_thr: Overlap below which negatives are drawn at random, ``floor_fraction`` of them; -1 for none.
        floor_fraction: In [0, 1].
        num_bins: Ranges of overlap above it.
        **kwargs: Further arguments of :class:`RandomSampler`.
    """

    def __init__(
        self,
        num: int,
        pos_fraction: float,
        floor_thr: float = -1,
        floor_fraction: float = 0,
        num_bins: int = 3,
        **kwargs: Any,
    ) -> None:
        super().__init__(num, pos_fraction, **kwargs)
        if not (floor_thr >= 0 or floor_thr == -1) or not 0 <= floor_fraction <= 1 or num_bins < 1:
            expected = 'floor_thr must be -1 or from 0 on, floor_fraction in [0, 1], num_bins at least 1'
            raise ArgumentError(f'{expected}, got {floor_thr}, {floor_fraction}, {num_bins}')
        self.floor_thr, self.floor_fraction, self.num_bins = floor_thr, floor_fraction, num_bins

    def sample_via_interval(self, max_overlaps: Tensor, full_set: Tensor, num_expected: int) -> Tensor:
        """So many of the indices ``full_set`` (n,), evenly over ranges of the overlaps of all priors."""
        low = max(self.floor_thr, 0)
        step = (float(max_overlaps.max()) - low) / self.num_bins
        values, share = max_overlaps[full_set], num_expected // self.num_bins
        picked = []
        for i in range(self.num_bins):
            inside = (values >= low + i * step) & (values < low + (i + 1) * step)
            picked.append(self.random_choice(full_set[inside], share))
        return _fill(self, torch.cat(picked), full_set, num_expected)

    def _pick_negative(self, indices: Tensor, count: int, candidates: Candidates) -> Tensor:
        overlaps = candidates.assigned.max_overlaps
        below = overlaps[indices] < self.floor_thr if self.floor_thr else overlaps[indices] == 0
        floor, above = indices[below], indices[~below]
        wanted = int(count * (1 - self.floor_fraction))
        if len(above) > wanted:
            above = self.sample_via_interval(overlaps, above, wanted)
        floor = self.random_choice(floor, count - len(above))
        return _fill(self, torch.cat([floor, above]), indices, count)


@TASK_UTILS.register_module()
class CombinedSampler(RandomSampler):
    """Positives by one sampler, negatives by another.

    Args:
        pos_sampler: Config of the one; what it leaves out is that of this sampler.
        neg_sampler: Config of the other, likewise.
        **kwargs: Arguments of :class:`RandomSampler`.
    """

    def __init__(self, pos_sampler: dict, neg_sampler: dict, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pos_sampler: Any = build_sampler(pos_sampler, **kwargs)
        self.neg_sampler: Any = build_sampler(neg_sampler, **kwargs)
        self.by_facts = self.pos_sampler.by_facts and self.neg_sampler.by_facts

    def _pick_positive(self, indices: Tensor, count: int, candidates: Candidates) -> Tensor:
        return self.pos_sampler._pick_positive(indices, count, candidates)

    def _negatives(self, indices: Tensor, most: int, candidates: Candidates) -> tuple[Tensor, Tensor | None]:
        return self.neg_sampler._negatives(indices, most, candidates)


@TASK_UTILS.register_module()
class ScoreHLRSampler(RandomSampler):
    """Takes the negatives that score highest, the best of each place first, and weighs them by their rank.

    Cao et al., Prime Sample Attention, CVPR 2020. Its context is the RoI head, as of :class:`OHEMSampler`, and its
    ``context.sample_boxes(feats, rois)`` gives probabilities and boxes.

    Args:
        num: See :class:`RandomSampler`, as the next four.
        pos_fraction: Share of positives.
        context: The RoI head.
        neg_pos_ub: Bound of negatives.
        add_gt_as_proposals: Objects are priors too.
        k: Exponent of the weights.
        bias: Smallest weight before that, in [0, 1].
        score_thr: Negatives that score more are ranked; the rest is drawn at random.
        iou_thr: Overlap from which boxes are at one place.
    """

    by_facts = False

    def __init__(
        self,
        num: int,
        pos_fraction: float,
        context: Any = None,
        neg_pos_ub: float = -1,
        add_gt_as_proposals: bool = True,
        k: float = 0.5,
        bias: float = 0,
        score_thr: float = 0.05,
        iou_thr: float = 0.5,
    ) -> None:
        super().__init__(num, pos_fraction, neg_pos_ub, add_gt_as_proposals, context)
        self.k, self.bias, self.score_thr, self.iou_thr = k, bias, score_thr, iou_thr

    @torch.no_grad()
    def _negatives(self, indices: Tensor, most: int, candidates: Candidates) -> tuple[Tensor, Tensor | None]:
        if self.context is None or candidates.feats is None:
            raise ArgumentError('ScoreHLRSampler serves RoI heads: it needs context and feats')
        count = min(len(indices), most)
        if not count:
            return indices[:0], None
        rois = bbox2roi([candidates.bboxes[indices]])
        probabilities, boxes = self.context.sample_boxes(candidates.feats, rois)
        scores = probabilities[:, :-1].amax(1)
        ranked, others = (scores > self.score_thr).nonzero().squeeze(1), (scores <= self.score_thr).nonzero().squeeze(1)
        order = ranked[_hierarchy(boxes[ranked], scores[ranked], self.iou_thr)][:count]
        chosen = torch.cat([order, self.random_choice(others, count - len(order))])
        if not len(order):
            return indices[chosen], None
        losses = self.context.sample_losses(candidates.feats, rois[chosen], torch.full_like(chosen, -1))
        most_ranked = max(count, len(ranked))
        weights = 1 - torch.arange(count, device=losses.device).clamp(max=len(order) - 1).to(losses) / most_ranked
        weights = (self.bias + (1 - self.bias) * weights).pow(self.k)
        # the loss as a whole stays what it would be without weights
        return indices[chosen], weights * losses.sum() / (losses * weights).sum().clamp(min=1e-12)


def _hierarchy(boxes: Tensor, scores: Tensor, iou_thr: float) -> Tensor:
    """Order (n,) of boxes (n, 5): the best of each place, then the second best of each, ...; by scores among equals."""
    by_score = scores.argsort(descending=True, stable=True)
    # one after the other: that is no work for a GPU
    near = (box_iou_rotated(boxes[by_score], boxes[by_score]) > iou_thr).cpu()
    rank = torch.full((len(boxes),), -1)
    for i in range(len(by_score)):
        if rank[i] >= 0:
            continue
        place = near[i] & (rank < 0)
        place[i] = True
        rank[place] = torch.arange(int(place.sum()))
    return by_score[rank.argsort(stable=True).to(by_score.device)]
