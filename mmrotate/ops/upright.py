"""Upright boxes as left, top, right, bottom: overlaps and suppression, in C++ on the CPU."""

import torch
from torch import Tensor

from mmrotate.utils import later

from .backend import bare, call, operation, threads, uses_cpp
from .checks import check_boxes
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
    if not len(boxes):
        return torch.arange(0, device=boxes.device)
    # each label by itself: what torchvision's batched_nms moves far away from others is rounded
    order = torch.arange(len(boxes), device=boxes.device) if labels is None else labels.argsort(stable=True)
    counts = [len(boxes)] if labels is None else labels[order].unique_consecutive(return_counts=True)[1].tolist()
    nms = later.torchvision().ops.nms
    kept = [at[nms(boxes[at], -at.to(boxes.dtype), threshold)] for at in order.split(counts)]
    return torch.cat(kept).sort().values
