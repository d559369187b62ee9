"""The parts of ``eval_rbbox_map`` of MMRotate 0.3, one class and one image at a time."""

from collections.abc import Sequence

import numpy as np

from mmrotate.core.evaluation import Range, match_image, of_class, true_false


def get_cls_results(
    det_results: Sequence[Sequence[np.ndarray]], annotations: Sequence[dict], class_id: int
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Per image the detections (n, 6) of a class, its objects (m, 5) and those to ignore (k, 5)."""
    found = [of_class(annotation, class_id) for annotation in annotations]
    objects, ignored = ([boxes[mask == flag] for boxes, mask in found] for flag in (False, True))
    return [dets[class_id] for dets in det_results], objects, ignored


def tpfp_default(
    det_bboxes: np.ndarray,
    gt_bboxes: np.ndarray,
    gt_bboxes_ignore: np.ndarray | None = None,
    iou_thr: float = 0.5,
    area_ranges: Sequence[Range] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """True and false positives of an image and class, 0 or 1, each (ranges, n).

    Args:
        det_bboxes: Detections (n, 6): x, y, w, h, theta, score.
        gt_bboxes: Objects (m, 5).
        gt_bboxes_ignore: Objects (k, 5) that count neither way.
        iou_thr: IoU from which a detection is right.
        area_ranges: Ranges (low, high) of areas in px^2; None for one of all.
    """
    dets = np.asarray(det_bboxes).reshape(-1, 6)
    kinds = [np.asarray(boxes).reshape(-1, 5) for boxes in (gt_bboxes, gt_bboxes_ignore) if boxes is not None]
    boxes = np.concatenate(kinds)
    image = match_image(dets, boxes, np.arange(len(boxes)) >= len(kinds[0]))
    order = np.argsort(-dets[:, -1], kind='stable')
    ranges: Sequence[Range | None] = area_ranges or [None]
    rows = [true_false(image, iou_thr, limits) for limits in ranges]
    true, false = (np.zeros((len(rows), len(dets)), np.float32) for _ in range(2))
    for k, (hits, misses) in enumerate(rows):
        true[k, order], false[k, order] = hits, misses
    return true, false
