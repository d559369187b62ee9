"""Samples of the hardest priors."""

import torch
from torch import Tensor

from mmrotate.registry import TASK_UTILS

from ..transforms import rbbox2roi
from .random_sampler import Candidates, RandomSampler


@TASK_UTILS.register_module()
class OHEMSampler(RandomSampler):
    """Takes the priors of the largest classification loss (Shrivastava et al., CVPR 2016).

    Its context is the RoI head: ``context.sample_losses(feats, rois, labels)`` gives the losses.
    The arguments are those of :class:`RandomSampler`.
    """

    @torch.no_grad()
    def _pick(self, indices: Tensor, count: int, candidates: Candidates) -> Tensor:
        bboxes, labels, feats = candidates
        if self.context is None or feats is None or labels is None:
            raise ValueError('OHEMSampler serves RoI heads: it needs context, feats and gt_labels')
        rois = rbbox2roi([bboxes[indices]])
        losses = self.context.sample_losses(feats, rois, labels[indices])
        return indices[losses.topk(count).indices]
