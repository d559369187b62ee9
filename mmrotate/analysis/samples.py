"""Samples of a training, as its model gets them, made pictures again."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from mmrotate.core.visualization import imshow_det_rbboxes

_GROUND, _GAP = 255, 4


def sample_mosaic(dataset: Any, cells: tuple[int, int] = (3, 4), side: int = 300) -> np.ndarray:
    """Labelled samples after all steps of the pipeline, evenly spread over a training dataset; uint8, BGR.

    Args:
        dataset: Its samples have ``img``, ``gt_bboxes`` and ``gt_labels``.
        cells: Rows and columns of the mosaic; fewer where there are fewer samples.
        side: Pixels of the long side of a cell.
    """
    count = min(math.prod(cells), len(dataset))
    drawn = []
    for index in np.linspace(0, len(dataset) - 1, count).astype(int).tolist():
        image, boxes, labels = as_picture(dataset[index])
        scale = side / max(image.shape[:2])
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        boxes = np.concatenate([boxes[:, :4] * scale, boxes[:, 4:]], 1)
        names, palette = dataset.CLASSES, getattr(dataset, 'PALETTE', None)
        picture = imshow_det_rbboxes(
            small, boxes, labels, class_names=names, bbox_color=palette, font_size=10, show_direction=False, show=False
        )
        drawn.append(_centred(picture, side))
    columns = min(cells[1], count)
    drawn += [np.full((side, side, 3), _GROUND, np.uint8)] * (-len(drawn) % columns)
    lines = [_with_gaps(drawn[start : start + columns], 1) for start in range(0, len(drawn), columns)]
    return _with_gaps(lines, 0)


def as_picture(sample: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image (H, W, 3), uint8 and BGR, boxes (n, 5) and labels (n,) of a training sample, normalized or not."""
    image = np.asarray(sample['img'])
    metas = sample.get('img_metas') or sample
    if hasattr(sample['img'], 'permute'):  # a tensor has its channels first
        image = np.moveaxis(image, 0, -1)
    norm = metas.get('img_norm_cfg') or {}
    if norm:
        image = image * np.asarray(norm['std'], np.float32) + np.asarray(norm['mean'], np.float32)
    image = image.reshape(*image.shape[:2], -1)
    image = image[..., :3] if image.shape[2] >= 3 else np.repeat(image[..., :1], 3, 2)
    if norm.get('to_rgb'):
        image = image[..., ::-1]
    height, width = (metas.get('img_shape') or image.shape)[:2]  # beyond is what was padded
    pixels = np.ascontiguousarray(np.rint(image[:height, :width]).clip(0, 255).astype(np.uint8))
    return pixels, np.asarray(sample['gt_bboxes']).reshape(-1, 5), np.asarray(sample['gt_labels'])


def _centred(picture: np.ndarray, side: int) -> np.ndarray:
    """The picture in the middle of a square one."""
    top, left = ((side - length) // 2 for length in picture.shape[:2])
    bottom, right = side - top - picture.shape[0], side - left - picture.shape[1]
    return cv2.copyMakeBorder(picture, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(_GROUND,) * 3)


def _with_gaps(pictures: Sequence[np.ndarray], axis: int) -> np.ndarray:
    """Pictures of one size along an axis, with white between."""
    shape = list(pictures[0].shape)
    shape[axis] = _GAP
    gap = np.full(shape, _GROUND, np.uint8)
    return np.concatenate([part for picture in pictures for part in (gap, picture)][1:], axis)
