"""Steps that move the pixels and the boxes (x, y, w, h, theta) together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from mmrotate.core.bbox import bbox_flip, in_version
from mmrotate.core.bbox.angle import angle_version
from mmrotate.registry import PIPELINES
from mmrotate.utils.errors import ArgumentError

from .boxes import scale_boxes
from .image import FLIP_DIRECTIONS, flip, pad, rescaled_size, resize

Scale = Sequence[int]


def as_list(value: Scale | Sequence[Scale] | None) -> list[tuple[int, int]]:
    """One size or several, or None, as a list of (int, int)."""
    if value is None:
        return []
    sizes: list[Any] = [value] if isinstance(value[0], (int, float)) else list(value)
    if any(len(size) != 2 or min(size) <= 0 for size in sizes):
        raise ArgumentError(f'img_scale: one (w, h) or a list of them is needed, got {value}')
    return [(int(w), int(h)) for w, h in sizes]


@PIPELINES.register_module()
@dataclass(eq=False)
class RResize:
    """Resizes the image and its boxes.

    The target is ``results['scale']`` or the float ``results['scale_factor']`` where an earlier step (test-time
    augmentation) has set one, else it is drawn from the arguments. A target is a pair that holds the longest long
    edge and the longest short edge, in any order, in pixels. Centres are scaled by the factors of width and height,
    w and h by the root of their product.

    Args:
        img_scale: one target or several.
        multiscale_mode: with several targets: 'value' takes one of them, 'range' draws the long edge between the
            smallest and the largest long edge, and so the short one.
        ratio_range: (smallest, largest) factor on the single ``img_scale``, or without one on the size of the image.
        keep_ratio: False stretches the image to exactly (w, h) = target.
    """

    img_scale: Any = None
    multiscale_mode: str = 'range'
    ratio_range: tuple[float, float] | None = None
    keep_ratio: bool = True

    def __post_init__(self) -> None:
        self.img_scale = as_list(self.img_scale)
        if self.multiscale_mode not in ('range', 'value'):
            raise ArgumentError(f"multiscale_mode: 'range' or 'value', got {self.multiscale_mode!r}")
        if self.ratio_range is not None and len(self.img_scale) > 1:
            raise ArgumentError(f'ratio_range needs a single img_scale, got {self.img_scale}')

    def __call__(self, results: dict) -> dict:
        """Resize; sets scale, scale_factor (4,) float32, img_shape, pad_shape, keep_ratio."""
        if 'scale' not in results:
            results['scale'] = self._target(results)
        h, w = results['img'].shape[:2]
        size = rescaled_size((w, h), results['scale']) if self.keep_ratio else results['scale']
        for key in results.get('img_fields', ['img']):
            results[key] = resize(results[key], size)
        shape = results['img'].shape
        w_scale, h_scale = shape[1] / w, shape[0] / h
        results['scale_factor'] = np.array([w_scale, h_scale, w_scale, h_scale], np.float32)
        results.update(img_shape=shape, pad_shape=shape, keep_ratio=self.keep_ratio)
        for key in results.get('bbox_fields', []):
            results[key] = self.scale_boxes(results[key], w_scale, h_scale)
        return results

    def scale_boxes(self, boxes: np.ndarray, w_scale: float, h_scale: float) -> np.ndarray:
        """Boxes (n, 5) of the resized image."""
        return scale_boxes(boxes, w_scale, h_scale)

    def _target(self, results: dict) -> tuple[int, int]:
        h, w = results['img'].shape[:2]
        if isinstance(factor := results.get('scale_factor'), (int, float)):
            return int(w * factor), int(h * factor)
        if self.ratio_range is not None:
            low, high = self.ratio_range
            ratio = np.random.random_sample() * (high - low) + low
            base = self.img_scale[0] if self.img_scale else (w, h)
            return int(base[0] * ratio), int(base[1] * ratio)
        if not self.img_scale:
            raise ArgumentError('RResize needs img_scale, unless an earlier step sets the scale')
        if len(self.img_scale) == 1:
            return self.img_scale[0]
        if self.multiscale_mode == 'value':
            return self.img_scale[np.random.randint(len(self.img_scale))]
        longs, shorts = ([edge(scale) for scale in self.img_scale] for edge in (max, min))
        return np.random.randint(min(longs), max(longs) + 1), np.random.randint(min(shorts), max(shorts) + 1)


@PIPELINES.register_module()
@dataclass(eq=False)
class RRandomFlip:
    """Mirrors the image and its boxes at random, or as test-time augmentation has set.

    The centre x goes to width - x, because pixel i covers the coordinates from i to i + 1, as RResize and
    RoIAlignRotated have it too. (0.x took width - x - 1, one pixel off.)

    Args:
        flip_ratio: probability of a flip, shared evenly among the directions, or one probability for each of them.
            None: never, unless an earlier step set ``flip``.
        direction: 'horizontal', 'vertical', 'diagonal' (both at once), or a list of them.
        version: angle version of the boxes: 'oc', 'le90' or 'le135'; in a dataset by default that of the dataset.
    """

    flip_ratio: Any = None
    direction: Any = 'horizontal'
    version: str = 'oc'

    def __post_init__(self) -> None:
        given = self.direction
        self.direction = [given] if isinstance(given, str) else list(given)
        if not self.direction or not set(self.direction) <= set(FLIP_DIRECTIONS):
            raise ArgumentError(f'direction: one or more of {FLIP_DIRECTIONS}, got {given!r}')
        self.flip_ratio = _ratios(self.flip_ratio, len(self.direction))

    def __call__(self, results: dict) -> dict:
        """Flip; sets flip and flip_direction (None without a flip)."""
        if 'flip' not in results:
            rest = max(0.0, 1 - sum(self.flip_ratio))
            chosen = np.random.choice(len(self.direction) + 1, p=[*self.flip_ratio, rest])
            results['flip'] = bool(chosen < len(self.direction))
            results['flip_direction'] = self.direction[chosen] if results['flip'] else None
        direction = results.setdefault('flip_direction', self.direction[0])
        if not results['flip']:
            return results
        for key in results.get('img_fields', ['img']):
            results[key] = flip(results[key], direction)
        for key in results.get('bbox_fields', []):
            results[key] = self.bbox_flip(results[key], results['img_shape'], direction)
        return results

    def bbox_flip(self, bboxes: np.ndarray, img_shape: Sequence[int], direction: str) -> np.ndarray:
        """Mirrored boxes (n, 5), with angles in the version's range."""
        heading = angle_version(self.version).heading
        flipped = bbox_flip(torch.from_numpy(bboxes.reshape(-1, 5)), img_shape, direction, heading)
        return in_version(flipped, self.version).numpy()


def _ratios(flip_ratio: Any, count: int) -> list[float]:
    """One probability for each of ``count`` directions."""
    shared = flip_ratio is None or isinstance(flip_ratio, (int, float))
    ratios = [(flip_ratio or 0.0) / count] * count if shared else [float(ratio) for ratio in flip_ratio]
    if len(ratios) != count:
        raise ArgumentError(f'flip_ratio: {count} direction(s), but {len(ratios)} ratio(s) {ratios}')
    if min(ratios) < 0 or sum(ratios) > 1 + 1e-6:
        raise ArgumentError(f'flip_ratio: probabilities in [0, 1] with a sum <= 1, got {ratios}')
    return ratios


@PIPELINES.register_module()
@dataclass(eq=False)
class Pad:
    """Pads the image at its right and bottom; boxes stay as they are.

    Args:
        size: (h, w) to pad to, in pixels.
        size_divisor: pad to the next multiple of it.
        pad_to_square: pad to a square of the longer edge (then to ``size_divisor``).
        pad_val: value of the new pixels, or dict(img=value).
    """

    size: tuple[int, int] | None = None
    size_divisor: int | None = None
    pad_to_square: bool = False
    pad_val: Any = 0

    def __post_init__(self) -> None:
        by_content = self.size_divisor is not None or self.pad_to_square
        if self.size is None and not by_content:
            raise ArgumentError('Pad needs size, size_divisor or pad_to_square')
        if self.size is not None and by_content:
            raise ArgumentError('Pad: size excludes size_divisor and pad_to_square')
        if self.size_divisor is not None and self.size_divisor < 1:
            raise ArgumentError(f'Pad: size_divisor must be positive, got {self.size_divisor}')
        if isinstance(self.pad_val, dict):
            self.pad_val = self.pad_val.get('img', 0)

    def __call__(self, results: dict) -> dict:
        """Pad; sets pad_shape, pad_fixed_size, pad_size_divisor."""
        for key in results.get('img_fields', ['img']):
            results[key] = pad(results[key], self._shape(*results[key].shape[:2]), self.pad_val)
        results['pad_shape'] = results['img'].shape
        results.update(pad_fixed_size=self.size, pad_size_divisor=self.size_divisor)
        return results

    def _shape(self, h: int, w: int) -> tuple[int, int]:
        if self.size is not None:
            return self.size
        if self.pad_to_square:
            h = w = max(h, w)
        step = self.size_divisor or 1
        return -(-h // step) * step, -(-w // step) * step
