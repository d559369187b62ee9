"""From scored candidates to detections: non-maximum suppression in each class."""

from collections.abc import Mapping

import torch
from torch import Tensor

from mmrotate.core.bbox.angle import VERSIONS
from mmrotate.ops import nms_rotated, soft_nms_rotated
from mmrotate.utils.errors import ArgumentError
from mmrotate.utils.graph import current_graph, largest

_THRESHOLDS = ('iou_thr', 'iou_threshold')
# what nms.type may be, and the keys that only soft NMS reads; configs of 0.x have an angle version there, too
_PLAIN = (None, 'nms', 'nms_rotated', *VERSIONS)
_SOFT = 'soft_nms'
_SOFT_KEYS = ('sigma', 'min_score', 'method')


def nms_keys(nms: Mapping) -> dict[str, None]:
    """The keys of ``nms`` that its kind reads."""
    return dict.fromkeys(('type', 'class_agnostic', *_THRESHOLDS, *(_SOFT_KEYS if nms.get('type') == _SOFT else ())))


def check_nms(nms: Mapping) -> None:
    """Raise ValueError if ``nms`` asks for a kind that does not exist here."""
    if (kind := nms.get('type')) not in (*_PLAIN, _SOFT):
        raise ArgumentError(f"nms.type must be 'nms', 'nms_rotated' or 'soft_nms', got {kind!r}")


def _suppress(boxes: Tensor, scores: Tensor, labels: Tensor, nms: Mapping | float) -> tuple[Tensor, Tensor]:
    """Boxes with scores (k, 6), best first, and their indices, by the kind of NMS that ``nms`` asks for."""
    threshold, by_class, soft = read_nms(nms)
    groups = labels if by_class else None
    if soft is None:
        return nms_rotated(boxes, scores, threshold, groups)
    return soft_nms_rotated(boxes, scores, threshold, labels=groups, **soft)


def read_nms(nms: Mapping | float) -> tuple[float, bool, dict | None]:
    """Threshold, whether classes are apart, and what soft NMS is told besides: None for the plain one."""
    if not isinstance(nms, Mapping):
        return float(nms), True, None
    check_nms(nms)
    threshold = next((float(nms[key]) for key in _THRESHOLDS if key in nms), None)
    if threshold is None:
        raise ArgumentError(f'nms needs the key iou_thr, e.g. nms=dict(iou_thr=0.1), got {dict(nms)}')
    soft = {k: nms[k] for k in _SOFT_KEYS if k in nms} if nms.get('type') == _SOFT else None
    return threshold, not nms.get('class_agnostic', False), soft


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
            compares boxes of all classes; ``type='soft_nms'`` lowers scores in place of dropping boxes, with the
            arguments of :func:`mmrotate.ops.soft_nms_rotated`.
        max_num: At most this many detections; not above 0 for all.
        score_factors: (n,) factors of the scores, after the threshold.
        return_inds: Give the flat indices into (n, C) too.

    Returns:
        Boxes with scores (k, 6), best first, labels (k,) and, if asked for, indices (k,).
    """
    scores = multi_scores[:, :-1]
    classes = scores.size(1)
    values = scores if score_factors is None else scores * score_factors[:, None]
    index, kept_scores = above(scores, score_thr, values)
    rows, labels = index // max(classes, 1), index % max(classes, 1)
    boxes = multi_bboxes.unflatten(1, (-1, 5))
    boxes = boxes[rows, labels if boxes.size(1) > 1 else 0]
    dets, keep = nms_of_labels(boxes, kept_scores, labels, nms, max_num)
    return (dets, labels[keep], index[keep]) if return_inds else (dets, labels[keep])


def above(scores: Tensor, threshold: float, values: Tensor) -> tuple[Tensor, Tensor]:
    """Flat indices (k,) of the scores (n, C) above the threshold, and the values (n, C) there.

    In a graph the best values, with 0 where the score is not above it.
    """
    graph = current_graph()
    if graph is None:
        index = (scores > threshold).flatten().nonzero().squeeze(1)
        return index, values.flatten()[index]
    high = scores > threshold
    if graph.present is not None:
        high = high & graph.present[:, None]
    flat = torch.where(high, values, 0).flatten()
    index = largest(flat, graph.candidates)
    return index, flat[index]


def nms_of_labels(
    boxes: Tensor, scores: Tensor, labels: Tensor, nms: Mapping | float, max_num: int = -1
) -> tuple[Tensor, Tensor]:
    """Boxes with scores (k, 6), best first, that are left of boxes (n, 5) with one label each, and their indices (k,).

    ``nms`` and ``max_num`` as for :func:`multiclass_nms_rotated`.
    """
    if (graph := current_graph()) is not None:
        graph.asked.append((nms, max_num))
        keep = largest(scores, graph.candidates)
        return torch.cat([boxes[keep], scores[keep, None]], 1), keep
    dets, keep = _suppress(boxes, scores, labels, nms)
    return (dets[:max_num], keep[:max_num]) if max_num > 0 else (dets, keep)


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
