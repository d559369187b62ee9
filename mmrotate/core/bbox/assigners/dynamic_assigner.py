"""Assignment by what the predictions cost, with as many priors for an object as its predictions deserve."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from mmrotate.ops.opaque import Owner, opaque
from mmrotate.registry import TASK_UTILS
from mmrotate.utils.errors import ArgumentError

from ..builder import build_iou_calculator
from ..transforms import along_sides
from .max_iou_assigner import AssignResult

# pairs of a prior and an object held at once: 16 MB of float32 for each of some ten tensors
_PAIRS = 4_000_000
# pairs up to which images are filled up to the largest, and worked on together
_TOGETHER = 1_000_000
_MOST = torch.finfo(torch.float32).max
_EPS = 1e-7  # of an overlap, for its logarithm
_MARGIN = 0.01  # px that a prior must be inside
_FAR = 1e5  # what a prior costs that is elsewhere
_DIRECT = 'donot_use_mm_for_euclid_dist'  # a product of matrices rounds more


@dataclass
class Truth:
    """Objects of a batch, filled up to the image that has the most.

    Attributes:
        boxes: (N, m, 5) in float32.
        labels: (N, m).
        present: Mask (N, m) of those that are there.
    """

    boxes: Tensor
    labels: Tensor
    present: Tensor

    @classmethod
    def of(cls, boxes: Sequence[Tensor], labels: Sequence[Tensor]) -> 'Truth':
        """The objects of each image, boxes (m, 5) and labels (m,)."""
        present = pad_sequence([torch.ones_like(image, dtype=torch.bool) for image in labels], batch_first=True)
        return cls(pad_sequence([b.float() for b in boxes], True), pad_sequence(list(labels), True), present)

    def part(self, images: slice, objects: slice) -> 'Truth':
        """Some objects of some images."""
        return Truth(*(field[images, objects] for field in (self.boxes, self.labels, self.present)))

    def blocks(self, priors: int) -> Iterator['Truth']:
        """A part of each image's objects after the other, so that their pairs with all priors fit in memory."""
        step = max(_PAIRS // max(priors, 1), 1)
        for start in range(0, self.boxes.size(1), step):
            yield self.part(slice(None), slice(start, start + step))


def _per_prior(_: object, pred_scores: Tensor, *rest: object) -> list[Tensor]:
    """What :meth:`DynamicSoftLabelAssigner.assign_batch` gives, without values."""
    return [pred_scores.new_empty(pred_scores.shape[:2], dtype=dtype) for dtype in (torch.long, torch.float32)]


@TASK_UTILS.register_module()
class DynamicSoftLabelAssigner(Owner):
    """The priors of least cost, as many as the sum of an object's best overlaps (Lyu et al., RTMDet, 2022).

    Priors inside of any object take part. The cost of a pair is that of the classes, whose label is the overlap, plus
    ``iou_weight`` times that of the overlap, plus ``10 ** (distance / stride - soft_center_radius)``. Of several
    objects the one of least cost has the prior. Objects are worked on in blocks, so that thousands fit in memory.

    Args:
        soft_center_radius: Distance from the object's centre, in strides, from which the cost grows steeply.
        topk: Overlaps that are summed.
        iou_weight: Weight of the overlap.
        iou_calculator: Config of the overlaps.
    """

    def __init__(
        self,
        soft_center_radius: float = 3.0,
        topk: int = 13,
        iou_weight: float = 3.0,
        iou_calculator: dict | None = None,
    ) -> None:
        if topk < 1:
            raise ArgumentError(f'topk must be at least 1, got {topk}')
        self.soft_center_radius, self.topk, self.iou_weight = soft_center_radius, topk, iou_weight
        self.iou_calculator = build_iou_calculator(iou_calculator or dict(type='RBboxOverlaps2D'))

    @torch.no_grad()
    def assign(
        self,
        pred_scores: Tensor,
        priors: Tensor,
        decoded_bboxes: Tensor,
        gt_bboxes: Tensor,
        gt_labels: Tensor,
        gt_bboxes_ignore: Tensor | None = None,
    ) -> AssignResult:
        """Assign priors to objects.

        Args:
            pred_scores: Logits (n, C).
            priors: (n, 3 or more) as x, y, stride in pixels.
            decoded_bboxes: Predicted boxes (n, 5).
            gt_bboxes: (m, 5).
            gt_labels: (m,).
            gt_bboxes_ignore: Boxes (k, 5); priors in them count as background.

        Returns:
            The result, whose ``max_overlaps`` are those of a prior with its object, 0 without one.
        """
        outputs = pred_scores[None], priors, decoded_bboxes[None]
        owner, overlaps = self.assign_batch(*outputs, [gt_bboxes], [gt_labels])
        return AssignResult.of(len(gt_bboxes), owner[0], overlaps[0], gt_labels)

    @opaque(_per_prior)
    @torch.no_grad()
    def assign_batch(
        self,
        pred_scores: Tensor,
        priors: Tensor,
        decoded_bboxes: Tensor,
        gt_bboxes: Sequence[Tensor],
        gt_labels: Sequence[Tensor],
        valid: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The same for the images of a batch, in as many operations as one image takes.

        Args:
            pred_scores: Logits (N, n, C).
            priors: (n, 3 or more) as x, y, stride in pixels.
            decoded_bboxes: Predicted boxes (N, n, 5).
            gt_bboxes: Per image (m, 5).
            gt_labels: Per image (m,).
            valid: Mask (N, n) of the priors that are on their image; None for all.

        Returns:
            One more than the index of a prior's object (N, n), 0 for background; and their overlaps (N, n).
        """
        owner = torch.zeros(pred_scores.shape[:2], dtype=torch.long, device=priors.device)
        overlaps = torch.zeros_like(owner, dtype=torch.float32)
        truth = Truth.of(gt_bboxes, gt_labels)
        inside = self._inside(priors.float(), truth)
        if valid is not None:
            inside &= valid
        for images, v, m in _groups(inside.sum(1).tolist(), list(map(len, gt_bboxes))):
            # the priors inside of objects first
            places = inside[images].byte().argsort(dim=1, descending=True, stable=True)[:, :v]
            rows = torch.arange(len(owner), device=owner.device)[images, None]
            scores, boxes = (field[rows, places].float() for field in (pred_scores, decoded_bboxes))
            rest = priors[places].float(), boxes, inside[rows, places], truth.part(images, slice(m))
            image, place, gts, values = self._match(scores, *rest)
            at = rows[image, 0], places[image, place]
            owner[at], overlaps[at] = gts + 1, values
        return owner, overlaps

    def _inside(self, priors: Tensor, truth: Truth) -> Tensor:
        """Mask (N, n) of the priors that take part: those inside of any object."""
        found = torch.zeros(len(truth.boxes), len(priors), dtype=torch.bool, device=priors.device)
        for part in truth.blocks(found.numel()):
            distance = torch.cdist(priors[None, :, :2], part.boxes[..., :2], compute_mode=_DIRECT)
            near = (distance <= self._reach(priors, part.boxes)) & part.present[:, None]
            image, prior, gts = near.nonzero(as_tuple=True)  # few, and all that are worth a closer look
            takes = self._takes(priors[prior], part.boxes[image, gts])
            found[image[takes], prior[takes]] = True
        return found

    def _reach(self, priors: Tensor, boxes: Tensor) -> Tensor:
        """How far priors (n, 3 or more) that take part are at most from the centres of objects (N, m, 5)."""
        return boxes[:, None, :, 2:4].norm(dim=-1) / 2

    def _takes(self, priors: Tensor, boxes: Tensor) -> Tensor:
        """Whether priors (..., 3 or more) take part for objects (..., 5)."""
        return _covers(priors, boxes)

    def _match(
        self, scores: Tensor, priors: Tensor, boxes: Tensor, taking: Tensor, truth: Truth
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Images, taken priors, their objects and overlaps (p,), of (N, v, ...) priors of which some take part."""
        shape, k = taking.shape, min(self.topk, taking.size(1))
        cheapest, nearest = scores.new_full(shape, torch.inf), torch.zeros_like(taking, dtype=torch.long)
        background, wishes, start = _background(scores).sum(-1), [], 0
        for part in truth.blocks(taking.numel()):
            pairs = part.present[..., None] & taking[:, None]
            ious = self._overlaps(part.boxes, boxes).masked_fill_(~pairs, 0.0)
            # other pairs come after the most expensive
            cost = self._cost(ious, scores, background, priors, part).clamp_(max=_MOST).masked_fill_(~pairs, torch.inf)
            counts = ious.topk(k, -1).values.sum(-1, keepdim=True).int().clamp(min=1)
            best = cost.topk(k, -1, largest=False).indices
            chosen = (torch.arange(k, device=best.device) < counts) & pairs.gather(-1, best)
            image, gts, _ = chosen.nonzero(as_tuple=True)
            wishes.append(torch.stack([image * shape[1] + best[chosen], gts + start]))
            least, index = cost.min(1)
            nearest = torch.where(least < cheapest, index + start, nearest)
            cheapest, start = torch.minimum(least, cheapest), start + cost.size(1)
        wanted, gts = torch.cat(wishes, 1)
        count = wanted.bincount(minlength=taking.numel())
        owner = torch.zeros_like(count).index_put((wanted,), gts)
        taken = count.nonzero().squeeze(1)
        owner = torch.where(count > 1, nearest.flatten(), owner)[taken]
        image, place = taken // shape[1], taken % shape[1]
        values = self.iou_calculator(truth.boxes[image, owner], boxes[image, place], is_aligned=True)
        return image, place, owner, values

    def _overlaps(self, gt_bboxes: Tensor, boxes: Tensor) -> Tensor:
        """Overlaps (N, m, v) of objects (N, m, 5) with predicted boxes (N, v, 5) of their image."""
        if len(boxes) == 1:
            return self.iou_calculator(gt_bboxes[0], boxes[0])[None]
        shape = (*gt_bboxes.shape[:2], boxes.size(1), 5)
        pairs = (gt_bboxes[:, :, None].expand(shape), boxes[:, None].expand(shape))
        return self.iou_calculator(*(each.flatten(0, 2) for each in pairs), is_aligned=True).view(shape[:3])

    def _cost(self, ious: Tensor, scores: Tensor, background: Tensor, priors: Tensor, truth: Truth) -> Tensor:
        """Costs (N, m, v) of pairs of overlaps (N, m, v); ``background`` (N, v) is that of no class."""
        # by class before they are spread over the objects, which are many more
        logits, shares, none = (_of_labels(each, truth) for each in (scores, scores.sigmoid(), _background(scores)))
        # of the object's class the cost of the label, of the others that of the background
        as_object = F.binary_cross_entropy_with_logits(logits, ious, reduction='none')
        as_object *= (ious - shares).square()
        classes = as_object + background[:, None] - none
        distance = torch.cdist(truth.boxes[..., :2], priors[..., :2], compute_mode=_DIRECT)
        centre = torch.pow(10, distance / priors[:, None, :, 2] - self.soft_center_radius)
        return classes - (ious + _EPS).log() * self.iou_weight + centre


@TASK_UTILS.register_module()
class SimOTAAssigner(DynamicSoftLabelAssigner):
    """The priors of least cost, as many as the sum of an object's best overlaps (Ge et al., YOLOX, 2021).

    Priors inside of an object take part, and those near to its centre. The cost of a pair is that of the classes, plus
    that of the overlap, plus ``1e5`` where the prior is not both inside of the object and near to its centre. The
    logits are those of the root of an object's probability times that of its class.

    Args:
        center_radius: How near in x and in y, in strides.
        candidate_topk: Overlaps that are summed.
        iou_weight: Weight of the overlap.
        cls_weight: Weight of the classes.
        iou_calculator: Config of the overlaps.
    """

    def __init__(
        self,
        center_radius: float = 2.5,
        candidate_topk: int = 10,
        iou_weight: float = 3.0,
        cls_weight: float = 1.0,
        iou_calculator: dict | None = None,
    ) -> None:
        if candidate_topk < 1:
            raise ArgumentError(f'candidate_topk must be at least 1, got {candidate_topk}')
        super().__init__(topk=candidate_topk, iou_weight=iou_weight, iou_calculator=iou_calculator)
        self.center_radius, self.cls_weight = center_radius, cls_weight

    def _near(self, priors: Tensor, boxes: Tensor) -> Tensor:
        """Whether priors (..., 3 or more) are near to the centres of objects (..., 5)."""
        gap = (priors[..., :2] - boxes[..., :2]).abs().amax(-1)
        return gap < self.center_radius * priors[..., 2]

    def _reach(self, priors: Tensor, boxes: Tensor) -> Tensor:
        corner = math.sqrt(2) * self.center_radius * priors[:, 2] + _MARGIN
        return torch.maximum(super()._reach(priors, boxes), corner[:, None])

    def _takes(self, priors: Tensor, boxes: Tensor) -> Tensor:
        return super()._takes(priors, boxes) | self._near(priors, boxes)

    def _cost(self, ious: Tensor, scores: Tensor, background: Tensor, priors: Tensor, truth: Truth) -> Tensor:
        logits = _of_labels(scores, truth)
        # of the object's class that of an object, of the others that of none
        classes = F.softplus(scores).sum(-1)[:, None] - logits
        pairs = priors[:, None], truth.boxes[:, :, None]
        far = ~(_covers(*pairs) & self._near(*pairs))
        return self.cls_weight * classes - (ious + _EPS).log() * self.iou_weight + _FAR * far


def _covers(priors: Tensor, boxes: Tensor) -> Tensor:
    """Whether priors (..., 2 or more) are inside of objects (..., 5)."""
    along, across = along_sides(priors, boxes)
    reach = boxes[..., 2:4] / 2 - _MARGIN
    return (along.abs() <= reach[..., 0]) & (across.abs() <= reach[..., 1])


def _of_labels(scores: Tensor, truth: Truth) -> Tensor:
    """Of the scores (N, v, C) of priors those of the classes of objects (N, m, v)."""
    return scores.mT.contiguous()[torch.arange(len(scores), device=scores.device)[:, None], truth.labels]


def _background(logits: Tensor) -> Tensor:
    """What logits cost where there is no object."""
    return F.softplus(logits) * logits.sigmoid().square()


def _groups(priors: list[int], objects: list[int]) -> Iterator[tuple[slice, int, int]]:
    """Images that are worked on at once, and the most priors and objects that one of them has.

    All of them, filled up to the largest, if that is little memory; none without any pair.
    """
    count, most = len(priors), max(priors, default=0) * max(objects, default=0)
    step = count if count * most <= _TOGETHER else 1
    for start in range(0, count, max(step, 1)):
        images = slice(start, start + step)
        if any(priors[images]):
            yield images, max(priors[images]), max(objects[images])
