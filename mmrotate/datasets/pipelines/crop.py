"""Random crops and holes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from mmrotate.core.bbox import rbbox_overlaps
from mmrotate.registry import PIPELINES
from mmrotate.utils.errors import ArgumentError

from .boxes import keep_boxes

_CROP_TYPES = ('absolute', 'absolute_range', 'relative', 'relative_range')


@PIPELINES.register_module()
@dataclass(eq=False)
class RRandomCrop:
    """Cuts a random part out of the image, with the boxes of which enough is in it; these stay whole.

    A sample that loses all its objects so is dropped, unless ``allow_negative_crop``.

    Args:
        crop_size: two numbers, see ``crop_type``.
        crop_type: 'absolute': height and width in pixels; 'absolute_range': height and width are drawn between the
            two, in pixels; 'relative': shares of the height and the width, in (0, 1]; 'relative_range': the shares
            are drawn between those and 1. The image's own size is the most.
        allow_negative_crop: keep a part without objects.
        iof_thr: smallest share of a box, in [0, 1], that is in the part.
        version: angle version of the boxes, which a crop does not change.
    """

    crop_size: Sequence[float]
    crop_type: str = 'absolute'
    allow_negative_crop: bool = False
    iof_thr: float = 0.7
    version: str = 'oc'

    def __post_init__(self) -> None:
        if self.crop_type not in _CROP_TYPES:
            raise ArgumentError(f'crop_type must be one of {_CROP_TYPES}, got {self.crop_type!r}')
        sizes = self.crop_size
        if isinstance(sizes, (int, float, str)) or len(sizes) != 2 or min(sizes) <= 0:
            raise ArgumentError(f'crop_size: two numbers above 0 are needed, got {sizes!r}')
        if self.crop_type.startswith('absolute'):
            if not all(float(size).is_integer() for size in sizes):
                raise ArgumentError(f'crop_size of the type {self.crop_type!r} is in whole pixels, got {sizes!r}')
        elif max(sizes) > 1:
            raise ArgumentError(f'crop_size of the type {self.crop_type!r} is shares in (0, 1], got {sizes!r}')
        if self.crop_type == 'absolute_range' and sizes[0] > sizes[1]:
            raise ArgumentError(f'crop_size of the type absolute_range is (smallest, largest), got {sizes!r}')

    def __call__(self, results: dict) -> dict | None:
        """Crop; sets img_shape and pad_shape."""
        h, w = results['img'].shape[:2]
        crop_h, crop_w = self._size(h, w)
        top, left = np.random.randint(h - crop_h + 1), np.random.randint(w - crop_w + 1)
        for key in results.get('img_fields', ['img']):
            results[key] = results[key][top : top + crop_h, left : left + crop_w]
        results['img_shape'] = results['pad_shape'] = results['img'].shape
        had_objects = len(results.get('gt_bboxes', ())) > 0
        for key in results.get('bbox_fields', []):
            results[key] = results[key] - np.array([left, top, 0, 0, 0], np.float32)
            keep_boxes(results, key, self._inside(results[key], crop_h, crop_w))
        lost = had_objects and not len(results['gt_bboxes'])
        return None if lost and not self.allow_negative_crop else results

    def _size(self, h: int, w: int) -> tuple[int, int]:
        """Height and width of a crop from an image of these."""
        first, second = self.crop_size
        if self.crop_type == 'absolute':
            return min(int(first), h), min(int(second), w)
        if self.crop_type == 'absolute_range':
            low, high = int(first), int(second)
            crop_h, crop_w = (int(np.random.randint(min(low, side), min(high, side) + 1)) for side in (h, w))
            return crop_h, crop_w
        if self.crop_type == 'relative_range':
            first, second = (low + np.random.random_sample() * (1 - low) for low in (first, second))
        return max(int(h * first + 0.5), 1), max(int(w * second + 0.5), 1)

    def _inside(self, boxes: np.ndarray, h: int, w: int) -> np.ndarray:
        """Mask (n,) of the boxes that stay."""
        window = torch.tensor([[w / 2, h / 2, w, h, 0.0]])
        shares = rbbox_overlaps(torch.from_numpy(boxes), window, mode='iof')
        return shares[:, 0].numpy() >= self.iof_thr


@PIPELINES.register_module()
@dataclass(eq=False)
class CutOut:
    """Fills random rectangles of the image; boxes stay.

    Args:
        n_holes: their number, or (smallest, largest).
        cutout_shape: width and height of a hole in pixels, or several, of which one is drawn for each hole.
        cutout_ratio: in place of it: shares of the image's width and height, in [0, 1], or several.
        fill_in: colour of the holes, a value for each channel.
    """

    n_holes: int | tuple[int, int]
    cutout_shape: Any = None
    cutout_ratio: Any = None
    fill_in: Sequence[float] = (0, 0, 0)

    def __post_init__(self) -> None:
        if (self.cutout_shape is None) == (self.cutout_ratio is None):
            raise ArgumentError('CutOut needs either cutout_shape or cutout_ratio')
        given = self.cutout_shape if self.cutout_ratio is None else self.cutout_ratio
        self._sizes = [given] if isinstance(given[0], (int, float)) else list(given)
        self._fewest, self._most = [self.n_holes] * 2 if isinstance(self.n_holes, int) else self.n_holes
        if not 0 <= self._fewest <= self._most:
            raise ArgumentError(f'n_holes: a number, or (smallest, largest), got {self.n_holes!r}')

    def __call__(self, results: dict) -> dict:
        """Cut holes."""
        img = results['img'].copy()
        h, w = img.shape[:2]
        for _ in range(np.random.randint(self._fewest, self._most + 1)):
            left, top = np.random.randint(w), np.random.randint(h)
            hole_w, hole_h = self._sizes[np.random.randint(len(self._sizes))]
            if self.cutout_ratio is not None:
                hole_w, hole_h = int(hole_w * w), int(hole_h * h)
            img[top : top + hole_h, left : left + hole_w] = self.fill_in if img.ndim == 3 else self.fill_in[0]
        results['img'] = img
        return results
