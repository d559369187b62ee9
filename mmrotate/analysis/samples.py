"""Samples of a training, as its model gets them, made pictures again."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from mmrotate.core.visualization import get_palette, imshow_det_rbboxes
from mmrotate.core.visualization.text import label_patch

from .ranking import padded

_WHITE, _GAP = (255, 255, 255), 4


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
            small, boxes, labels, class_names=names, bbox_color=palette, show_label=False, show=False
        )
        drawn.append(picture)
    columns, height = min(cells[1], count), max(map(len, drawn))
    drawn = [_centred(picture, height, side) for picture in drawn]
    drawn += [np.full_like(drawn[0], 255)] * (-len(drawn) % columns)
    lines = [_with_gaps(drawn[start : start + columns], 1) for start in range(0, len(drawn), columns)]
    mosaic = _with_gaps(lines, 0)
    return np.concatenate([mosaic, _legend(dataset.CLASSES, getattr(dataset, 'PALETTE', None), mosaic.shape[1])])


def _legend(classes: Sequence[str], palette: Any, width: int) -> np.ndarray:
    """The classes on grounds of their colours, in as many lines as they need."""
    colors = [(blue, green, red) for red, green, blue in get_palette(palette, len(classes))]
    lines: list[list[np.ndarray]] = [[]]
    for name, color in zip(classes, colors, strict=True):
        patch = cv2.copyMakeBorder(label_patch(name, 12, color), _GAP, 0, 0, _GAP, cv2.BORDER_CONSTANT, value=_WHITE)
        if sum(each.shape[1] for each in lines[-1]) + patch.shape[1] > width:
            lines.append([])
        lines[-1].append(patch)
    return np.concatenate([padded(np.concatenate(line, 1), width) for line in lines if line])


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


def _centred(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """The picture in the middle of a larger one."""
    top, left = (height - picture.shape[0]) // 2, (width - picture.shape[1]) // 2
    bottom, right = height - top - picture.shape[0], width - left - picture.shape[1]
    return cv2.copyMakeBorder(picture, top, bottom, left, right, cv2.BORDER_CONSTANT, value=_WHITE)


def _with_gaps(pictures: Sequence[np.ndarray], axis: int) -> np.ndarray:
    """Pictures of one size along an axis, with white between."""
    shape = list(pictures[0].shape)
    shape[axis] = _GAP
    gap = np.full(shape, 255, np.uint8)
    return np.concatenate([part for picture in pictures for part in (gap, picture)][1:], axis)
