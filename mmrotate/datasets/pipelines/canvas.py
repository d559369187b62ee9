"""Steps that give the image another frame: larger, with room around it, or a window of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch

from mmrotate.core.bbox import rbbox_overlaps
from mmrotate.registry import PIPELINES
from mmrotate.utils.errors import ArgumentError

from .boxes import centres_inside, keep_boxes

_TRIES = 50


def frame(results: dict, window: Sequence[int], fill: float | Sequence[float] = 0) -> None:
    """Show another window (x, y, w, h) of the image, in whole pixels; what lies beyond the image is ``fill``.

    Boxes move along and stay whole, wherever they are.
    """
    left, top, w, h = window
    for key in results.get('img_fields', ['img']):
        results[key] = _window(results[key], left, top, w, h, fill)
    results['img_shape'] = results['pad_shape'] = results['img'].shape
    for key in results.get('bbox_fields', []):
        results[key] = results[key].reshape(-1, 5) - np.array([left, top, 0, 0, 0], np.float32)


def _window(img: np.ndarray, left: int, top: int, w: int, h: int, fill: float | Sequence[float]) -> np.ndarray:
    height, width = img.shape[:2]
    shown = img[max(top, 0) : max(top + h, 0), max(left, 0) : max(left + w, 0)]
    if not shown.size:
        return np.full((h, w, *img.shape[2:]), fill, img.dtype)
    sides = (max(-top, 0), max(top + h - height, 0), max(-left, 0), max(left + w - width, 0))
    colour = [fill] * 4 if isinstance(fill, (int, float)) else list(fill)
    return cv2.copyMakeBorder(shown, *sides, cv2.BORDER_CONSTANT, value=colour)


def keep_centres(results: dict) -> None:
    """Keep the objects whose centre is in the image."""
    h, w = results['img'].shape[:2]
    for key in results.get('bbox_fields', []):
        keep_boxes(results, key, centres_inside(results[key], h, w))


@PIPELINES.register_module()
@dataclass(eq=False)
class Expand:
    """Puts the image at a random place on a larger canvas.

    Args:
        mean: value of the canvas, one for each channel.
        to_rgb: ``mean`` is in RGB order, the image in BGR.
        ratio_range: the canvas is larger by a factor drawn between these, at least 1.
        seg_ignore_label: a name of MMDetection without effect: there are no segmentations here.
        prob: probability of an expansion.
    """

    mean: Sequence[float] = (0, 0, 0)
    to_rgb: bool = True
    ratio_range: tuple[float, float] = (1, 4)
    seg_ignore_label: int | None = None
    prob: float = 0.5

    def __post_init__(self) -> None:
        low, high = self.ratio_range
        if not 1 <= low <= high:
            raise ArgumentError(f'ratio_range: (smallest, largest) of at least 1, got {self.ratio_range}')

    def __call__(self, results: dict) -> dict:
        """Expand; changes img_shape and pad_shape."""
        if np.random.random_sample() >= self.prob:
            return results
        h, w = results['img'].shape[:2]
        ratio = np.random.uniform(*self.ratio_range)
        grown_h, grown_w = int(h * ratio), int(w * ratio)
        left, top = (-int(np.random.randint(spare + 1)) for spare in (grown_w - w, grown_h - h))
        mean = list(self.mean)[::-1] if self.to_rgb else list(self.mean)
        fill = mean if results['img'].ndim == 3 else mean[0]
        frame(results, (left, top, grown_w, grown_h), fill)
        return results


@PIPELINES.register_module()
@dataclass(eq=False)
class MinIoURandomCrop:
    """Cuts a random window that overlaps every object by an IoU drawn from several (Liu et al., SSD, ECCV 2016).

    Or leaves the image as it is. Objects whose centre is in the window stay, whole.

    Args:
        min_ious: the IoUs that are drawn from, besides none at all and 1, the whole image.
        min_crop_size: smallest side of a window, as a share of the image's.
        bbox_clip_border: a name of MMDetection without effect: a box that is cut is no rectangle any more.
    """

    min_ious: Sequence[float] = (0.1, 0.3, 0.5, 0.7, 0.9)
    min_crop_size: float = 0.3
    bbox_clip_border: bool = True

    def __call__(self, results: dict) -> dict:
        """Crop; sets img_shape and pad_shape, if it does."""
        h, w = results['img'].shape[:2]
        boxes = torch.from_numpy(np.asarray(results.get('gt_bboxes', ()), np.float32).reshape(-1, 5))
        while (least := float(np.random.choice([1, *self.min_ious, 0]))) < 1:
            for _ in range(_TRIES):
                window = self._draw(h, w)
                if self._fits(window, boxes, least):
                    frame(results, window)
                    keep_centres(results)
                    return results
        return results

    def _draw(self, h: int, w: int) -> tuple[int, int, int, int]:
        """A window no more than twice as long as wide."""
        while True:
            new_h, new_w = (max(int(np.random.uniform(self.min_crop_size * side, side)), 1) for side in (h, w))
            if 0.5 <= new_h / new_w <= 2 or not 0.5 <= h / w <= 2:
                return int(np.random.randint(w - new_w + 1)), int(np.random.randint(h - new_h + 1)), new_w, new_h

    @staticmethod
    def _fits(window: Sequence[int], boxes: torch.Tensor, least: float) -> bool:
        """Whether a window overlaps every box enough, and holds the centre of one."""
        left, top, w, h = window
        if not len(boxes):
            return True
        shape = torch.tensor([[left + w / 2, top + h / 2, w, h, 0.0]])
        if float(rbbox_overlaps(boxes, shape).min()) < least:
            return False
        return bool(centres_inside((boxes - torch.tensor([left, top, 0.0, 0, 0])).numpy(), h, w).any())


@PIPELINES.register_module()
@dataclass(eq=False)
class RandomCenterCropPad:
    """A window of fixed size around a random point of the image (Law and Deng, CornerNet, ECCV 2018).

    In training its size is ``crop_size`` times a ratio that is drawn, and the point is so that some object's centre
    is in the window, if that is found; objects whose centre is in it stay, whole. In testing the image is put into
    the middle of a canvas.

    Args:
        crop_size: (height, width) in pixels; in training.
        ratios: drawn from.
        border: the point keeps this distance from the image's border, halved until the image has room for it.
        mean: value of what lies beyond the image, one for each channel.
        std: a name of MMDetection without effect, as the image is not yet normalised.
        to_rgb: ``mean`` is in RGB order, the image in BGR.
        test_mode: test.
        test_pad_mode: ('logical_or', n): sides are filled up with ``side | n``; ('size_divisor', n): to a multiple.
        test_pad_add_pix: pixels that are added to ``side | n``.
        bbox_clip_border: without effect.
    """

    crop_size: Sequence[int] | None = None
    ratios: Sequence[float] = (0.9, 1.0, 1.1)
    border: int = 128
    mean: Sequence[float] = (0, 0, 0)
    std: Sequence[float] | None = None
    to_rgb: bool | None = None
    test_mode: bool = False
    test_pad_mode: Any = ('logical_or', 127)
    test_pad_add_pix: int = 0
    bbox_clip_border: bool = True

    def __post_init__(self) -> None:
        if self.test_mode != (self.crop_size is None):
            raise ArgumentError('RandomCenterCropPad: crop_size is needed in training, and no part of a test')
        if self.test_mode and self.test_pad_mode[0] not in ('logical_or', 'size_divisor'):
            raise ArgumentError(f"test_pad_mode: ('logical_or' or 'size_divisor', n), got {self.test_pad_mode!r}")

    def __call__(self, results: dict) -> dict:
        """Crop and pad; sets img_shape, pad_shape and border (top, bottom, left, right of the image in the canvas)."""
        h, w = results['img'].shape[:2]
        window = self._test_window(h, w) if self.test_mode else self._window(results, h, w)
        mean = list(self.mean)[::-1] if self.to_rgb else list(self.mean)
        frame(results, window, mean if results['img'].ndim == 3 else mean[0])
        left, top, new_w, new_h = window
        results['border'] = np.array(
            [max(-top, 0), min(h - top, new_h), max(-left, 0), min(w - left, new_w)], np.float32
        )
        if not self.test_mode:
            keep_centres(results)
        return results

    def _test_window(self, h: int, w: int) -> tuple[int, int, int, int]:
        kind, number = self.test_pad_mode
        if kind == 'logical_or':
            new_h, new_w = ((side | number) + self.test_pad_add_pix for side in (h, w))
        else:
            new_h, new_w = (-(-side // number) * number for side in (h, w))
        return w // 2 - new_w // 2, h // 2 - new_h // 2, new_w, new_h

    def _window(self, results: dict, h: int, w: int) -> tuple[int, int, int, int]:
        boxes = np.asarray(results.get('gt_bboxes', ()), np.float32).reshape(-1, 5)
        assert self.crop_size is not None
        for _ in range(_TRIES):
            ratio = float(np.random.choice(self.ratios))
            new_h, new_w = (int(side * ratio) for side in self.crop_size)
            x, y = (self._point(side) for side in (w, h))
            left, top = x - new_w // 2, y - new_h // 2
            if not len(boxes) or centres_inside(boxes - np.array([left, top, 0, 0, 0], np.float32), new_h, new_w).any():
                break
        return left, top, new_w, new_h

    def _point(self, side: int) -> int:
        """A place along a side, away from its ends."""
        border = self.border
        while side - border <= border and border:
            border //= 2
        return int(np.random.randint(border, max(side - border, border + 1)))
