"""Assignment by the statistics of an object's nearest priors."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from mmrotate.ops.opaque import Owner
from mmrotate.registry import TASK_UTILS
from mmrotate.utils.errors import ArgumentError

from .. import gaussian
from ..angle import angle_version as version_of
from ..builder import build_iou_calculator
from ..overlaps import within
from ..transforms import aspect_ratio, circumscribed, obb2poly
from .max_iou_assigner import CHUNK, AssignResult, as_operation, ignored_priors

# divergences computed at once: each holds a dozen numbers
_DIVERGENCES = CHUNK // 16


class Single(NamedTuple):
    """Mixtures of one distribution each."""

    mu: Tensor  # (n, 1, 2)
    var: Tensor  # (n, 1, 2, 2)


class ByLevelAssigner(Owner):
    """Takes the ``topk`` nearest priors of each level as candidates (Zhang et al., ATSS, CVPR 2020, section 3.2).

    Those whose overlap reaches mean plus standard deviation of the candidates' overlaps, and whose centre is
    inside the object, are positive; of several objects the one of the largest overlap has the prior.
    Subclasses say what the overlap is.

    Args:
        topk: Candidates of each level; all priors of a level that has fewer.
        ignore_iof_thr: As for :class:`MaxIoUAssigner`.
        iou_calculator: Config of the overlaps.
    """

    # heads give it the priors of each level
    by_level = True
    default_overlaps = dict(type='ConvexOverlaps')

    def __init__(self, topk: int, ignore_iof_thr: float = -1, iou_calculator: dict | None = None) -> None:
        if topk < 1:
            raise ArgumentError(f'topk must be at least 1, got {topk}')
        self.topk, self.ignore_iof_thr = topk, ignore_iof_thr
        self.iou_calculator = build_iou_calculator(iou_calculator or self.default_overlaps)

    @as_operation
    @torch.no_grad()
    def assign(
        self,
        bboxes: Tensor,
        num_level_bboxes: list[int],
        gt_bboxes: Tensor,
        gt_bboxes_ignore: Tensor | None = None,
        gt_labels: Tensor | None = None,
    ) -> AssignResult:
        """Assign priors (n, d), ``num_level_bboxes`` of each level, to objects (m, e) of classes (m,).

        Priors in the boxes (k, e) to ignore count neither way.
        """
        labels = None if gt_labels is None else [gt_labels]
        return self.assign_batch([bboxes], num_level_bboxes, [gt_bboxes], [gt_bboxes_ignore], labels)

    @torch.no_grad()
    def assign_batch(
        self,
        bboxes: Sequence[Tensor],
        num_level_bboxes: list[int],
        gt_bboxes: Sequence[Tensor],
        gt_bboxes_ignore: Sequence[Tensor | None],
        gt_labels: Sequence[Tensor] | None = None,
        taking: Tensor | None = None,
    ) -> AssignResult:
        """The same for all images of a batch, each with as many priors: see that of :class:`MaxIoUAssigner`."""
        rule = self.ignore_iof_thr, self.iou_calculator
        images = zip(bboxes, gt_bboxes_ignore, strict=True)
        ignored = torch.cat([ignored_priors(priors, ignore, *rule) for priors, ignore in images])
        objects = list(map(len, gt_bboxes))
        boxes, gts = torch.cat(list(bboxes)), torch.cat(list(gt_bboxes))
        centres, polygons = self._centres(boxes), self._polygons(gts)
        middle = self.get_horizontal_bboxes(polygons).unflatten(1, (2, 2)).mean(1)
        left_out = ignored if taking is None else ignored | ~taking
        near = self._nearest(centres, middle.split(objects), num_level_bboxes, taking)
        real, own = near >= 0, torch.arange(len(gts), device=near.device)
        pairs = near.clamp(min=0).flatten(), own.repeat_interleave(near.size(1))
        overlaps = self._overlaps(boxes, gts, pairs).masked_fill(ignored[pairs[0]], 0).view_as(near).where(real, 0)
        count = real.sum(1)
        mean = overlaps.sum(1) / count.clamp(min=1)
        # the deviation of a single candidate is 0
        gaps = (overlaps - mean[:, None]).where(real, 0)
        spread = (gaps.square().sum(1) / (count - 1).clamp(min=1)).sqrt()
        threshold = (mean + spread) * torch.cat([self._factor(image) for image in polygons.split(objects)])
        inside = within(centres[pairs[0]], polygons[pairs[1]].unflatten(1, (4, 2))) & ~ignored[pairs[0]]
        positive = ((overlaps >= threshold[:, None]) & real).flatten() & inside
        chosen = pairs[0][positive], pairs[1][positive]
        labels = None if gt_labels is None else torch.cat(list(gt_labels))
        result = AssignResult.of_pairs((len(boxes), len(gts)), chosen, overlaps.flatten()[positive], labels)
        result.gt_inds[left_out] = -1
        return result

    def _nearest(self, centres: Tensor, middle: Sequence[Tensor], levels: list[int], taking: Tensor | None) -> Tensor:
        """Indices (m, k) of the candidates of all objects among the priors of all images, -1 where one has fewer.

        ``centres`` (n, 2) are of the priors, ``middle`` (m, 2) of the objects of each image.
        """
        size = len(centres) // len(middle)
        if sum(levels) != size:
            raise ArgumentError(f'num_level_bboxes must add up to the {size} priors, got {levels}')
        mask = centres.new_ones(len(centres), dtype=torch.bool) if taking is None else taking
        counts = torch.stack([level.sum(1) for level in mask.view(len(middle), size).split(levels, 1)], 1).tolist()
        priors = mask.nonzero().squeeze(1).split([sum(each) for each in counts])
        images = zip(priors, middle, counts, strict=True)
        found = [own[nearest_of_levels(centres[own], part, each, self.topk)] for own, part, each in images]
        most = max(each.size(1) for each in found)
        return torch.cat([F.pad(each, (0, most - each.size(1)), value=-1) for each in found])

    def _centres(self, bboxes: Tensor) -> Tensor:
        """Centres (n, 2) of the priors: here of point sets."""
        return bboxes.float().unflatten(1, (-1, 2)).mean(1)

    def _polygons(self, gt_bboxes: Tensor) -> Tensor:
        """Corners (m, 8) of the objects: here they are."""
        return gt_bboxes.float()

    def get_horizontal_bboxes(self, gt_rbboxes: Tensor) -> Tensor:
        """Circumscribed boxes (m, 4) of corners (m, 8); their centres are those of the objects."""
        return circumscribed(gt_rbboxes)

    def AspectRatio(self, gt_rbboxes: Tensor) -> Tensor:
        """Longer over shorter side (m,) of rectangles given by corners (m, 8)."""
        return aspect_ratio(gt_rbboxes)

    def _overlaps(self, bboxes: Tensor, gt_bboxes: Tensor, pairs: tuple[Tensor, Tensor]) -> Tensor:
        """Overlaps (p,) of pairs of a prior and an object, by their indices."""
        return self.iou_calculator(bboxes[pairs[0]], gt_bboxes[pairs[1]], is_aligned=True)

    def _factor(self, polygons: Tensor) -> Tensor:
        """Factors (m,) of the thresholds."""
        return polygons.new_ones(len(polygons))


@TASK_UTILS.register_module()
class ATSSObbAssigner(ByLevelAssigner):
    """ATSS for rotated priors (n, 5) and objects (m, 5).

    Args:
        topk: See :class:`ByLevelAssigner`.
        angle_version: Angle version of the boxes.
        iou_calculator: See :class:`ByLevelAssigner`.
        ignore_iof_thr: Likewise.
    """

    default_overlaps = dict(type='RBboxOverlaps2D')

    def __init__(
        self, topk: int, angle_version: str = 'oc', iou_calculator: dict | None = None, *, ignore_iof_thr: float = -1
    ) -> None:
        super().__init__(topk, ignore_iof_thr, iou_calculator)
        version_of(angle_version)
        self.angle_version = angle_version

    def _centres(self, bboxes: Tensor) -> Tensor:
        return bboxes[:, :2].float()

    def _polygons(self, gt_bboxes: Tensor) -> Tensor:
        return obb2poly(gt_bboxes.float(), self.angle_version)


@TASK_UTILS.register_module()
class ATSSKldAssigner(ByLevelAssigner):
    """ATSS for point sets (n, 18) and rectangles (m, 8), both as normal distributions.

    Their overlap is ``1 / (2 + divergence)`` (Hou et al., G-Rep, 2022).

    Args:
        topk: See :class:`ByLevelAssigner`.
        use_reassign: Lower the thresholds by the aspect ratios, as :class:`SASAssigner` does.
        ignore_iof_thr: See :class:`ByLevelAssigner`.
    """

    def __init__(self, topk: int, use_reassign: bool = False, *, ignore_iof_thr: float = -1) -> None:
        super().__init__(topk, ignore_iof_thr)
        self.use_reassign = use_reassign

    def _overlaps(self, bboxes: Tensor, gt_bboxes: Tensor, pairs: tuple[Tensor, Tensor]) -> Tensor:
        out = bboxes.new_zeros(len(pairs[0]), dtype=torch.float32)
        size = max(_DIVERGENCES // max(len(bboxes), 1), 1)
        for start in range(0, len(gt_bboxes), size):
            here = ((pairs[1] >= start) & (pairs[1] < start + size)).nonzero().squeeze(1)
            table = self.kld_overlaps(gt_bboxes[start : start + size], bboxes)
            out[here] = table[pairs[1][here] - start, pairs[0][here]].float()
        return out

    def kld_overlaps(self, gt_rbboxes: Tensor, points: Tensor, eps: float = 1e-6) -> Tensor:
        """Overlaps (m, n) of rectangles (m, 8) with point sets (n, 18); divergences count from ``eps``."""
        mean, var = gaussian.points_to_gaussian(points.float().unflatten(1, (-1, 2))).moments
        corners = gt_rbboxes.float().unflatten(1, (-1, 2))
        divergence = self.kld_mixture2single(Single(mean[:, None], var[:, None]), gaussian.gt2gaussian(corners))
        return 1 / (2 + divergence.clamp(min=eps))

    def kld_mixture2single(self, g1: Any, g2: tuple[Tensor, Tensor]) -> Tensor:
        """Divergences (m, n) of distributions from others.

        Args:
            g1: Mixtures of one distribution: it has ``mu`` (n, 1, 2) and ``var`` (n, 1, 2, 2).
            g2: Means (m, 2) and covariances (m, 2, 2).
        """
        p = gaussian.moments_to_gaussian(g1.mu[:, 0], g1.var[:, 0])
        return gaussian.kl_divergence(p, gaussian.moments_to_gaussian(g2[0][:, None], g2[1][:, None]))

    def _factor(self, polygons: Tensor) -> Tensor:
        ratio = self.AspectRatio(polygons)
        return shape_factor(ratio.mean().expand_as(ratio)) if self.use_reassign else torch.ones_like(ratio)


@TASK_UTILS.register_module()
class SASAssigner(ByLevelAssigner):
    """Shape-adaptive selection (Hou et al., SASM, AAAI 2022) for point sets and rectangles.

    The threshold falls by ``exp(-r / 4)`` with an aspect ratio r.

    Args:
        topk: See :class:`ByLevelAssigner`.
        as_published: r is the mean of all objects of the image, as for the published models; False takes that of
            each object, as the paper says.
        **kwargs: See :class:`ByLevelAssigner`.
    """

    def __init__(self, topk: int, as_published: bool = True, **kwargs: Any) -> None:
        super().__init__(topk, **kwargs)
        self.as_published = as_published

    def _factor(self, polygons: Tensor) -> Tensor:
        ratio = self.AspectRatio(polygons)
        if self.as_published:
            ratio = ratio.mean().expand_as(ratio)
        return shape_factor(ratio)


def shape_factor(ratio: Tensor) -> Tensor:
    """What thresholds are multiplied by at an aspect ratio (SASM, AAAI 2022)."""
    return (-ratio / 4).exp()


def nearest_of_levels(centres: Tensor, middle: Tensor, num_level_bboxes: list[int], topk: int) -> Tensor:
    """Indices (m, k) of the priors nearest to each object, at most ``topk`` of each level.

    ``centres`` are of the priors (n, 2), level by level, ``middle`` of the objects (m, 2).
    """
    sizes = [min(topk, size) for size in num_level_bboxes]
    starts = torch.tensor(list(accumulate(num_level_bboxes, initial=0))[:-1], device=centres.device)
    starts = starts.repeat_interleave(starts.new_tensor(sizes), output_size=sum(sizes))
    chunks = []
    for part in middle.split(max(CHUNK // max(len(centres), 1), 1)):
        gap = torch.cdist(part, centres, compute_mode='donot_use_mm_for_euclid_dist')
        # levels are of different sizes: there is no one tensor to take the best of
        levels = zip(gap.split(num_level_bboxes, 1), sizes, strict=True)
        chunks.append(torch.cat([level.topk(size, largest=False).indices for level, size in levels], 1) + starts)
    return torch.cat(chunks)
