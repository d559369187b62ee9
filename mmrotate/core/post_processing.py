"""From scored candidates to detections: non-maximum suppression in each class."""

from collections.abc import Mapping

import torch
from torch import Tensor

from mmrotate.ops import batched_nms_rotated


def _threshold(nms: Mapping | float) -> tuple[float, bool]:
    """IoU threshold, and whether classes suppress each other."""
    if not isinstance(nms, Mapping):
        return float(nms), False
    for key in ('iou_thr', 'iou_threshold'):
        if key in nms:
            return float(nms[key]), bool(nms.get('class_agnostic', False))
    raise ValueError(f'nms needs the key iou_thr, e.g. nms=dict(iou_thr=0.1), got {dict(nms)}')


def multiclass_nms_rotated(
    multi_bboxes: Tensor,
    multi_scores: Tensor,
    score_thr: float,
    nms: Mapping | float,
    max_num: int = -1,
    score_factors: Tensor | None = None,
    return_inds: bool = False,
) -> tuple[Tensor, ...]:
    """Detections of an image.

    Args:
        multi_bboxes: (n, 5), or (n, C * 5) for boxes of each class.
        multi_scores: (n, C + 1), the last column background.
        score_thr: Scores must be above it.
        nms: ``dict(iou_thr=...)``: boxes of a class that overlap a better one more go; ``class_agnostic=True``
            compares boxes of all classes.
        max_num: At most this many detections; not above 0 for all.
        score_factors: (n,) factors of the scores, after the threshold.
        return_inds: Give the flat indices into (n, C) too.

    Returns:
        Boxes with scores (k, 6), best first, labels (k,) and, if asked for, indices (k,).
    """
    threshold, class_agnostic = _threshold(nms)
    scores = multi_scores[:, :-1]
    classes = scores.size(1)
    index = (scores > score_thr).flatten().nonzero().squeeze(1)
    rows, labels = index // max(classes, 1), index % max(classes, 1)
    boxes = multi_bboxes.unflatten(1, (-1, 5))
    boxes = boxes[rows, labels if boxes.size(1) > 1 else 0]
    kept_scores = scores.flatten()[index]
    if score_factors is not None:
        kept_scores = kept_scores * score_factors[rows]
    dets, keep = batched_nms_rotated(boxes, kept_scores, labels, threshold, class_agnostic=class_agnostic)
    if max_num > 0:
        dets, keep = dets[:max_num], keep[:max_num]
    return (dets, labels[keep], index[keep]) if return_inds else (dets, labels[keep])


def aug_multiclass_nms_rotated(
    merged_bboxes: Tensor, merged_labels: Tensor, score_thr: float, nms: Mapping | float, max_num: int, classes: int
) -> tuple[Tensor, Tensor]:
    """Detections of an image, as :func:`multiclass_nms_rotated`, from those of several views or patches.

    They are scored boxes (n, 6) and their labels (n,), out of ``classes``.
    """
    scores = merged_bboxes.new_zeros(len(merged_bboxes), classes + 1)
    rows = torch.arange(len(scores), device=scores.device)
    scores[rows, merged_labels.long()] = merged_bboxes[:, 5]
    dets, labels = multiclass_nms_rotated(merged_bboxes[:, :5], scores, score_thr, nms, max_num)
    return dets, labels
