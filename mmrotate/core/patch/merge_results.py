"""One result of an image from those of its patches."""

from collections.abc import Sequence

import numpy as np
import torch

from mmrotate.ops import batched_nms_rotated
from mmrotate.utils.errors import ArgumentError

Result = list[np.ndarray]


def translate_bboxes(bboxes: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Boxes moved by ``offset`` (x, y): (n, 6) as x, y, w, h, theta, score, or (n, 5) as corners and score."""
    if bboxes.ndim != 2 or bboxes.shape[1] not in (5, 6):
        raise TypeError(f'boxes must be (n, 5) or (n, 6), got {bboxes.shape}')
    moved = bboxes.copy()
    for first in range(0, 4 if bboxes.shape[1] == 5 else 2, 2):
        moved[:, first : first + 2] += offset
    return moved


def map_masks(masks: Sequence[np.ndarray], offset: Sequence[int], new_shape: Sequence[int]) -> list[np.ndarray]:
    """Masks (h, w) of a patch whose corner is at ``offset`` (x, y), in an image of ``new_shape`` (width, height)."""
    mapped = []
    for mask in masks:
        whole = np.zeros((new_shape[1], new_shape[0]), bool)
        view = whole[offset[1] :, offset[0] :][: mask.shape[0], : mask.shape[1]]
        view[...] = mask[: view.shape[0], : view.shape[1]]
        mapped.append(whole)
    return mapped


def merge_results(
    results: Sequence[Result],
    offsets: np.ndarray,
    img_shape: Sequence[int],
    iou_thr: float = 0.1,
    device: str | torch.device = 'cpu',
) -> Result:
    """Detections of an image from those of its patches: moved, and overlapping ones suppressed in each class.

    Args:
        results: Per patch a list over classes of (n, 6): x, y, w, h, theta, score.
        offsets: Left upper corners (patches, 2) of the patches in the image, as x, y.
        img_shape: Width and height of the image; boxes do not need it.
        iou_thr: Overlap above which the worse of two goes.
        device: Where that is computed.

    Returns:
        A list over classes of (k, 6), best first.
    """
    if len(results) != len(offsets):
        raise ArgumentError(f'as many offsets as results are needed, got {len(offsets)} and {len(results)}')
    if not results:
        return []
    if any(isinstance(result, tuple) for result in results):
        raise TypeError('merge_results: rotated boxes only, results with masks are not supported')
    wrong = [dets.shape for result in results for dets in result if dets.ndim != 2 or dets.shape[1] != 6]
    if wrong:
        raise TypeError(f'merge_results: arrays (n, 6) of rotated boxes with scores are needed, got {wrong[0]}')
    per_class = [
        np.concatenate([translate_bboxes(dets, offset) for dets, offset in zip(patches, offsets, strict=True)])
        for patches in zip(*results, strict=True)
    ]
    dets = torch.from_numpy(np.concatenate(per_class)).to(device)
    labels = torch.arange(len(per_class)).repeat_interleave(torch.tensor([len(each) for each in per_class]))
    kept, index = batched_nms_rotated(dets[:, :5], dets[:, 5], labels.to(device), iou_thr)
    classes = labels[index.cpu()].numpy()
    found = kept.cpu().numpy()
    return [found[classes == label] for label in range(len(per_class))]
