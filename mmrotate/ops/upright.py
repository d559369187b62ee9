"""Upright boxes as left, top, right, bottom: overlaps, suppression and matching, in C++ on the CPU."""

import torch
from torch import Tensor

from mmrotate.utils import later

from .backend import bare, call, operation, threads, uses_cpp
from .checks import check_boxes, check_flag, check_number, check_tensor
from .nms_rotated import check, in_cpp, suppress, unknown_count


def box_iou_upright(bboxes1: Tensor, bboxes2: Tensor) -> Tensor:
    """Overlaps of upright boxes, without gradient.

    Args:
        bboxes1: (n, 4) as left, top, right, bottom in pixels.
        bboxes2: (m, 4).

    Returns:
        (n, m) in [0, 1], 0 where two boxes have no area; float64 for float64 boxes, else float32.

    Raises:
        ValueError: a shape or type that makes no sense.
    """
    check_boxes('bboxes1', bboxes1, 4)
    check_boxes('bboxes2', bboxes2, 4)
    return _iou(*bare(bboxes1, bboxes2))


def nms_upright(dets: Tensor, scores: Tensor, iou_threshold: float, labels: Tensor | None = None) -> Tensor:
    """Indices (k,) of the upright boxes that no better kept one overlaps more than the threshold, best first.

    Args:
        dets: (n, 4) as left, top, right, bottom in pixels.
        scores: (n,); of equal scores the first goes first.
        iou_threshold: In [0, 1]; an overlap of exactly this much is allowed.
        labels: (n,) whole numbers; only boxes of one label suppress each other.

    Raises:
        ValueError: a shape or type that makes no sense.
    """
    check(dets, scores, labels, iou_threshold, 4)
    return suppress(_nms, dets, scores, labels, iou_threshold)[1]


def match_upright(
    objects: Tensor, priors: Tensor, ignored: Tensor, least: float = 0.0, all_best: bool = True
) -> tuple[Tensor, Tensor, Tensor]:
    """What each prior overlaps most, and whose best prior it is, without a table of all overlaps; on the CPU.

    Args:
        objects: (m, 4) as left, top, right, bottom in pixels; at least one.
        priors: (n, 4).
        ignored: Mask (n,) of priors that overlap nothing, by -1.
        least: Overlap from which an object has a best prior; it is above 0 too.
        all_best: All priors that reach an object's best overlap are its best, else the first.

    Returns:
        For each prior (n,): its best overlap; the first object with it; and 1 + the last object that it is the best
        prior of, 0 if it is no one's.

    Raises:
        ValueError: a shape or type that makes no sense.
    """
    check_boxes('objects', objects, 4)
    check_boxes('priors', priors, 4)
    check_tensor('ignored', ignored, priors.shape[:1])
    check_number('least', least)
    check_flag('all_best', all_best)
    return _match(*bare(objects, priors), ignored.bool(), float(least), bool(all_best))


@operation('box_iou_upright', lambda first, second: first.new_empty(first.size(0), second.size(0)))
def _iou(bboxes1: Tensor, bboxes2: Tensor) -> Tensor:
    if not uses_cpp(bboxes1, bboxes2):
        return _plain_iou(bboxes1, bboxes2)
    out = bboxes1.new_empty(len(bboxes1), len(bboxes2))
    call('box_iou_upright', out.dtype, bboxes1, len(bboxes1), bboxes2, len(bboxes2), threads(), out)
    return out


def _plain_iou(bboxes1: Tensor, bboxes2: Tensor) -> Tensor:
    first, second = bboxes1[:, None], bboxes2[None]
    low, high = torch.maximum(first[..., :2], second[..., :2]), torch.minimum(first[..., 2:], second[..., 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    both = [(boxes[..., 2:] - boxes[..., :2]).prod(-1) for boxes in (first, second)]
    return (shared / (both[0] + both[1] - shared)).nan_to_num(0.0)  # 0 / 0: two boxes without area


@operation('nms_upright_sorted', unknown_count)
def _nms(boxes: Tensor, labels: Tensor | None, threshold: float) -> Tensor:
    """Indices (k,) of the boxes to keep, of boxes (n, 4) in falling order of score."""
    if uses_cpp(boxes):
        return in_cpp('nms_upright', boxes, labels, threshold, threads()).nonzero().squeeze(1)
    places = torch.arange(len(boxes), device=boxes.device)
    labels = torch.zeros_like(places) if labels is None else labels
    return later.torchvision().ops.batched_nms(boxes, -places.to(boxes.dtype), labels, threshold)


def _unmatched(objects: Tensor, priors: Tensor, *args: object) -> tuple[Tensor, Tensor, Tensor]:
    best, owner = priors.new_empty(priors.size(0)), priors.new_empty(priors.size(0), dtype=torch.int64)
    return best, owner, torch.empty_like(owner)


@operation('match_upright', _unmatched)
def _match(
    objects: Tensor, priors: Tensor, ignored: Tensor, least: float, all_best: bool
) -> tuple[Tensor, Tensor, Tensor]:
    out = _unmatched(objects, priors)
    sizes = (objects, len(objects), priors, len(priors))
    call('match_upright', priors.dtype, *sizes, ignored, least, all_best, threads(), *out)
    return out
