"""What an assigner says of every prior, and assignment by the largest overlap."""

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mmrotate.ops import convex_iou, match_boxes
from mmrotate.ops.backend import uses_cpp
from mmrotate.ops.opaque import Owner, opaque
from mmrotate.registry import TASK_UTILS

from ..builder import build_iou_calculator
from ..overlaps import BboxOverlaps2D, RBboxOverlaps2D

# overlaps held at once: 64 MB of float32
CHUNK = 16_000_000


@dataclass
class AssignResult:
    """Objects of priors.

    Attributes:
        num_gts: Objects of the image.
        gt_inds: (n,) of int64: 0 for background, -1 for priors that count neither way, else one more than the
            object's index.
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
        # the place before the first object: no class
        labels = None if gt_labels is None else F.pad(gt_labels, (1, 0), value=-1)[gt_inds.clamp(min=0)]
        return cls(num_gts, gt_inds, max_overlaps, labels)

    @classmethod
    def of_pairs(
        cls, counts: tuple[int, int], pairs: tuple[Tensor, Tensor], values: Tensor, gt_labels: Tensor | None
    ) -> 'AssignResult':
        """Every prior goes to the object of the pair of largest value, of equal ones the first.

        Of n priors and m objects, ``counts``, the pairs are indices (p,) of priors and of the objects that want
        them; their values (p,) are not NaN.
        """
        (n, m), (priors, gts) = counts, pairs
        best = values.new_full((n,), -torch.inf).scatter_reduce_(0, priors, values, 'amax')
        won = values == best[priors]
        owner = gts.new_full((n,), m).scatter_reduce_(0, priors[won], gts[won], 'amin')
        gt_inds = torch.where(owner < m, owner + 1, 0)
        return cls.of(m, gt_inds, best.where(owner < m, 0.0), gt_labels)

    def split(self, counts: Sequence[int]) -> list['AssignResult']:
        """Those of so many priors each, one after another, of objects that count as before."""
        fields = [self.gt_inds.split(counts), self.max_overlaps.split(counts)]
        labels = [None] * len(counts) if self.labels is None else self.labels.split(counts)
        return [AssignResult(self.num_gts, *field) for field in zip(*fields, labels, strict=True)]

    def add_gt_(self, gt_labels: Tensor) -> None:
        """Put every object in front, as a prior of its own."""
        own = torch.arange(1, len(gt_labels) + 1, device=gt_labels.device)
        self.gt_inds = torch.cat([own, self.gt_inds])
        self.max_overlaps = torch.cat([self.max_overlaps.new_ones(len(gt_labels)), self.max_overlaps])
        if self.labels is not None:
            self.labels = torch.cat([gt_labels, self.labels])


def as_operation(assign: Callable[..., AssignResult]) -> Callable[..., AssignResult]:
    """Decorates the ``assign`` of an :class:`Owner`: compilers take it as one operation.

    The first argument are the priors; the objects are called ``gt_bboxes`` or ``gt_rbboxes``, and their labels
    ``gt_labels``.
    """
    names = list(inspect.signature(assign).parameters)[1:]
    objects = next(name for name in names if name in ('gt_bboxes', 'gt_rbboxes'))

    @functools.wraps(assign)
    def found(self: Any, *args: Any) -> list[Tensor]:
        result = assign(self, *args)
        return [result.gt_inds, result.max_overlaps]

    operation = opaque(_without_values)(found)

    @functools.wraps(assign)
    def called(self: Any, *args: Any, **kwargs: Any) -> AssignResult:
        if not torch.compiler.is_compiling():
            return assign(self, *args, **kwargs)
        given = dict(zip(names, args, strict=False)) | kwargs
        gt_inds, overlaps = operation(self, *(given.get(name) for name in names))
        return AssignResult.of(given[objects].size(0), gt_inds, overlaps, given.get('gt_labels'))

    return called


def _without_values(_: object, priors: Tensor, *rest: object) -> list[Tensor]:
    return [priors.new_empty(priors.size(0), dtype=dtype) for dtype in (torch.long, torch.float32)]


def ignored_priors(
    bboxes: Tensor, ignore: Tensor | None, threshold: float, calculate: Callable[..., Tensor], of_priors: bool = True
) -> Tensor:
    """Mask (n,) of the priors (n, d) that lie in ignored boxes (k, d), by overlaps that ``calculate`` gives.

    ``threshold`` and ``of_priors`` are ``ignore_iof_thr`` and ``ignore_wrt_candidates`` of :class:`MaxIoUAssigner`.
    """
    if threshold <= 0 or ignore is None or not len(ignore) or not len(bboxes):
        return bboxes.new_zeros(len(bboxes), dtype=torch.bool)
    share = calculate(bboxes, ignore, mode='iof') if of_priors else calculate(ignore, bboxes, mode='iof').T
    return share.amax(1) > threshold


@TASK_UTILS.register_module()
class MaxIoUAssigner(Owner):
    """Assigns each prior to the object it overlaps most (Ren et al., Faster R-CNN, section 3.1.2).

    Overlaps are computed in chunks of priors, so that thousands of objects fit in memory.

    Args:
        pos_iou_thr: Overlap from which a prior is positive.
        neg_iou_thr: Overlap below which it is negative, or a range (low, high) of it.
        min_pos_iou: Overlap from which the best prior of an object is positive all the same.
        gt_max_assign_all: All priors that reach an object's best overlap count as its best.
        ignore_iof_thr: Share of a prior inside an ignored box from which it counts neither way; not above 0
            ignores nothing.
        ignore_wrt_candidates: The share is that of the prior, else of the ignored box.
        match_low_quality: Apply ``min_pos_iou``.
        gpu_assign_thr: Read for older configs; chunks serve its purpose.
        iou_calculator: Config of the overlaps.
    """

    default_overlaps = dict(type='BboxOverlaps2D')

    def __init__(
        self,
        pos_iou_thr: float,
        neg_iou_thr: float | tuple[float, float],
        min_pos_iou: float = 0.0,
        gt_max_assign_all: bool = True,
        ignore_iof_thr: float = -1,
        ignore_wrt_candidates: bool = True,
        match_low_quality: bool = True,
        gpu_assign_thr: int = -1,
        iou_calculator: dict | None = None,
    ) -> None:
        self.pos_iou_thr, self.min_pos_iou = pos_iou_thr, min_pos_iou
        self.neg_low, self.neg_high = neg_iou_thr if isinstance(neg_iou_thr, (tuple, list)) else (0.0, neg_iou_thr)
        self.gt_max_assign_all, self.match_low_quality = gt_max_assign_all, match_low_quality
        self.ignore_iof_thr, self.ignore_wrt_candidates = ignore_iof_thr, ignore_wrt_candidates
        self.iou_calculator = build_iou_calculator(iou_calculator or self.default_overlaps)

    @as_operation
    @torch.no_grad()
    def assign(
        self, bboxes: Tensor, gt_bboxes: Tensor, gt_bboxes_ignore: Tensor | None = None, gt_labels: Tensor | None = None
    ) -> AssignResult:
        """Assign priors (n, d) to objects (m, d) of classes (m,).

        Priors in the boxes (k, d) to ignore count neither way.
        """
        labels = None if gt_labels is None else [gt_labels]
        return self.assign_batch([bboxes], [gt_bboxes], [gt_bboxes_ignore], labels)

    @torch.no_grad()
    def assign_batch(
        self,
        bboxes: Sequence[Tensor],
        gt_bboxes: Sequence[Tensor],
        gt_bboxes_ignore: Sequence[Tensor | None],
        gt_labels: Sequence[Tensor] | None = None,
        taking: Tensor | None = None,
    ) -> AssignResult:
        """The same for all images of a batch: the result's priors and objects are those of one after another.

        ``taking`` is a mask (n,) of the priors of all images that take part; the others count neither way.
        """
        ignored = torch.cat([self._ignored(*image) for image in zip(bboxes, gt_bboxes_ignore, strict=True)])
        if taking is not None:
            ignored = ignored | ~taking
        counts = [(len(gts), len(priors)) for gts, priors in zip(gt_bboxes, bboxes, strict=True)]
        best, owner, forced = self._matched(gt_bboxes, bboxes, ignored, counts)
        gt_inds = self._decided(best, owner, forced)
        for (num_gts, _), image in zip(counts, gt_inds.split([n for _, n in counts]), strict=True):
            if not num_gts:
                image.zero_()  # all background
        gt_inds[ignored] = -1
        labels = None if gt_labels is None else torch.cat(list(gt_labels))
        return AssignResult.of(sum(m for m, _ in counts), gt_inds, best, labels)

    def _ignored(self, bboxes: Tensor, ignore: Tensor | None) -> Tensor:
        """Mask (n,) of an image's priors that lie in boxes to ignore."""
        return ignored_priors(bboxes, ignore, self.ignore_iof_thr, self.iou_calculator, self.ignore_wrt_candidates)

    def _matched(
        self, gt_bboxes: Sequence[Tensor], bboxes: Sequence[Tensor], ignored: Tensor, counts: Sequence[tuple[int, int]]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What :meth:`_match` finds in each image, of objects that count through all images."""
        if type(self.iou_calculator) in (BboxOverlaps2D, RBboxOverlaps2D) and uses_cpp(*gt_bboxes, *bboxes):
            objects, priors = (self.iou_calculator.compared(torch.cat(list(part))) for part in (gt_bboxes, bboxes))
            best, owner, forced = match_boxes(
                objects, priors, ignored, counts, self.min_pos_iou, self.gt_max_assign_all
            )
            return best, owner + 1, forced if self.match_low_quality else torch.zeros_like(forced)
        found, first = [], 0
        for gts, priors, none in zip(gt_bboxes, bboxes, ignored.split([n for _, n in counts]), strict=True):
            best, owner, forced = self._match(partial(self._overlaps, gts, priors), none, len(gts))
            found.append((best, owner + first, torch.where(forced > 0, forced + first, 0)))
            first += len(gts)
        best, owner, forced = (torch.cat(field) for field in zip(*found, strict=True))
        return best, owner, forced

    def _overlaps(self, gt_bboxes: Tensor, bboxes: Tensor, part: slice) -> Tensor:
        """Overlaps (m, k) of objects (m, d) with a range of priors (n, d)."""
        return self.iou_calculator(gt_bboxes, bboxes[part])

    def _decided(self, best: Tensor, owner: Tensor, forced: Tensor) -> Tensor:
        """Objects of priors, see :class:`AssignResult`, by what :meth:`_match` finds."""
        gt_inds = torch.where((best >= self.neg_low) & (best < self.neg_high), 0, -1)
        gt_inds = torch.where(best >= self.pos_iou_thr, owner, gt_inds)
        return torch.where(forced > 0, forced, gt_inds)

    def _match(
        self, overlaps_of: Callable[[slice], Tensor], ignored: Tensor, num_gts: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Best overlap of each prior, its object, and the one it is a best prior of or 0; objects count from 1.

        ``overlaps_of`` gives the overlaps (num_gts, k) of a range of k priors, which may be written to; it is asked
        only where there are priors and objects. With a prior to ignore, by a mask (n,), they are -1.
        """
        if not (len(ignored) and num_gts):
            nothing = torch.zeros_like(ignored, dtype=torch.long)
            return nothing.float(), nothing, nothing
        size = max(CHUNK // num_gts, 1)
        maps, pairs = [], []
        for start in range(0, len(ignored), size):
            part = slice(start, start + size)
            overlaps = overlaps_of(part).masked_fill_(ignored[part], -1.0)
            maps.append(overlaps.max(0))
            if self.match_low_quality:
                pairs.append(self._best_pairs(overlaps, start))
        best, owner = (torch.cat(field) for field in zip(*maps, strict=True))
        forced = torch.zeros_like(owner)
        if pairs:
            gts, priors, values = (torch.cat(field) for field in zip(*pairs, strict=True))
            gts, priors = self._best_of_chunks(gts, priors, values, num_gts)
            # the last of several objects wins
            forced.scatter_reduce_(0, priors, gts + 1, 'amax')
        return best, owner + 1, forced

    def _best_pairs(self, overlaps: Tensor, start: int) -> tuple[Tensor, Tensor, Tensor]:
        """Objects and their best priors in a chunk that begins at ``start``, and the overlaps."""
        top = overlaps.amax(1)
        # an object that no prior touches has none, however low min_pos_iou is
        wanted = (top >= self.min_pos_iou) & (top > 0)
        # in place: a mask is large too, and its room does not come back on the CPU
        best = overlaps.eq_(top[:, None]).mul_(wanted[:, None])
        gts, priors = best.nonzero(as_tuple=True)
        return gts, priors + start, top[gts]

    def _best_of_chunks(self, gts: Tensor, priors: Tensor, values: Tensor, num_gts: int) -> tuple[Tensor, Tensor]:
        """The pairs whose overlap is the object's best of all chunks; the first, or every one."""
        best_of_gt = values.new_zeros(num_gts).scatter_reduce_(0, gts, values, 'amax')
        best = values == best_of_gt[gts]
        gts, priors = gts[best], priors[best]
        if not self.gt_max_assign_all:
            first = priors.new_zeros(num_gts).scatter_reduce_(0, gts, priors, 'amin', include_self=False)
            chosen = priors == first[gts]
            gts, priors = gts[chosen], priors[chosen]
        return gts, priors


@TASK_UTILS.register_module()
class MaxConvexIoUAssigner(MaxIoUAssigner):
    """The same for point sets (n, 18) and quadrilaterals (m, 8).

    Args:
        pos_iou_thr: See :class:`MaxIoUAssigner`, as all of the following.
        neg_iou_thr: Overlap below which a point set is negative.
        min_pos_iou: Overlap from which an object's best point set is positive all the same.
        gt_max_assign_all: All of the best overlap count as the best.
        ignore_iof_thr: Share inside an ignored quadrilateral from which a point set counts neither way.
        ignore_wrt_candidates: The share is that of the point set.
        gpu_assign_thr: Read for older configs.
        match_low_quality: Apply ``min_pos_iou``.
        iou_calculator: Config of the overlaps with ignored quadrilaterals.
    """

    default_overlaps = dict(type='ConvexOverlaps')
    by_overlap = True  # ``assign`` is given the overlaps

    def __init__(
        self,
        pos_iou_thr: float,
        neg_iou_thr: float | tuple[float, float],
        min_pos_iou: float = 0.0,
        gt_max_assign_all: bool = True,
        ignore_iof_thr: float = -1,
        ignore_wrt_candidates: bool = True,
        gpu_assign_thr: int = -1,
        *,
        match_low_quality: bool = True,
        iou_calculator: dict | None = None,
    ) -> None:
        super().__init__(
            pos_iou_thr,
            neg_iou_thr,
            min_pos_iou,
            gt_max_assign_all,
            ignore_iof_thr,
            ignore_wrt_candidates,
            match_low_quality,
            gpu_assign_thr,
            iou_calculator,
        )

    @as_operation
    @torch.no_grad()
    def assign(  # type: ignore[override]
        self,
        points: Tensor,
        gt_rbboxes: Tensor,
        overlaps: Tensor,
        gt_rbboxes_ignore: Tensor | None = None,
        gt_labels: Tensor | None = None,
    ) -> AssignResult:
        """Assign point sets (n, 18) to quadrilaterals (m, 8) of classes (m,), by their overlaps (m, n).

        Those to ignore are (k, 8). :meth:`convex_overlaps` gives the overlaps.
        """
        ignored = ignored_priors(
            points, gt_rbboxes_ignore, self.ignore_iof_thr, self.iou_calculator, self.ignore_wrt_candidates
        )
        result = self.assign_wrt_overlaps(overlaps.masked_fill(ignored, -1.0), gt_labels)
        result.gt_inds[ignored] = -1
        return result

    def assign_wrt_overlaps(self, overlaps: Tensor, gt_labels: Tensor | None = None) -> AssignResult:
        """Assign by overlaps (m, n), which are below 0 with a point set that counts neither way."""
        none_ignored = overlaps.new_zeros(overlaps.size(1), dtype=torch.bool)
        matched = self._match(lambda part: overlaps[:, part].clone(), none_ignored, len(overlaps))
        gt_inds = self._decided(*matched) if len(overlaps) else torch.zeros_like(none_ignored, dtype=torch.long)
        return AssignResult.of(len(overlaps), gt_inds, matched[0], gt_labels)

    def convex_overlaps(self, gt_rbboxes: Tensor, points: Tensor) -> Tensor:
        """Overlaps (m, n) of quadrilaterals (m, 8) with the hulls of point sets (n, 18)."""
        return convex_iou(points, gt_rbboxes).T
