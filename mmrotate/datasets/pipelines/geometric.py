"""Steps that move the pixels and the boxes (x, y, w, h, theta) together."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from mmrotate.core.bbox import bbox_flip
from mmrotate.core.bbox.angle import regularize
from mmrotate.registry import PIPELINES

from .image import FLIP_DIRECTIONS, flip, pad, rescaled_size, resize

Scale = Sequence[int]


def as_list(value: Scale | Sequence[Scale] | None) -> list[tuple[int, int]]:
    """One size or several, or None, as a list of (int, int)."""
    if value is None:
        return []
    sizes: list[Any] = [value] if isinstance(value[0], (int, float)) else list(value)
    if any(len(size) != 2 or min(size) <= 0 for size in sizes):
        raise ValueError(f'img_scale: one (w, h) or a list of them is needed, got {value}')
    return [(int(w), int(h)) for w, h in sizes]


@PIPELINES.register_module()
class RResize:
    """Resizes the image and its boxes.

    The target is ``results['scale']`` or the float ``results['scale_factor']`` where an earlier
    step (test-time augmentation) has set one, else it is drawn from the arguments. A target is a
    pair that holds the longest long edge and the longest short edge, in any order, in pixels.
    Centres are scaled by the factors of width and height, w and h by the root of their product.

    Args:
        img_scale: one target or several.
        multiscale_mode: with several targets: 'value' takes one of them, 'range' draws the long
            edge between the smallest and the largest long edge, and so the short one.
        ratio_range: (smallest, largest) factor on the single ``img_scale``, or without one on the
            size of the image.
        keep_ratio: False stretches the image to exactly (w, h) = target.
    """

    def __init__(
        self,
        img_scale: Scale | Sequence[Scale] | None = None,
        multiscale_mode: str = 'range',
        ratio_range: tuple[float, float] | None = None,
        keep_ratio: bool = True,
    ) -> None:
        self.img_scale = as_list(img_scale)
        if multiscale_mode not in ('range', 'value'):
            raise ValueError(f"multiscale_mode: 'range' or 'value', got {multiscale_mode!r}")
        if ratio_range is not None and len(self.img_scale) > 1:
            raise ValueError(f'ratio_range needs a single img_scale, got {self.img_scale}')
        self.multiscale_mode = multiscale_mode
        self.ratio_range = ratio_range
        self.keep_ratio = keep_ratio

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
        results['img_shape'] = results['pad_shape'] = shape
        results['keep_ratio'] = self.keep_ratio
        for key in results.get('bbox_fields', []):
            side = np.sqrt(w_scale * h_scale)
            factors = np.array([w_scale, h_scale, side, side, 1], np.float32)
            results[key] = results[key].reshape(-1, 5) * factors
        return results

    def _target(self, results: dict) -> tuple[int, int]:
        h, w = results['img'].shape[:2]
        if isinstance(results.get('scale_factor'), (int, float)):
            factor = results['scale_factor']
            return int(w * factor), int(h * factor)
        if self.ratio_range is not None:
            low, high = self.ratio_range
            ratio = np.random.random_sample() * (high - low) + low
            base = self.img_scale[0] if self.img_scale else (w, h)
            return int(base[0] * ratio), int(base[1] * ratio)
        if not self.img_scale:
            raise ValueError('RResize needs img_scale, unless an earlier step sets the scale')
        if len(self.img_scale) == 1:
            return self.img_scale[0]
        if self.multiscale_mode == 'value':
            return self.img_scale[np.random.randint(len(self.img_scale))]
        longs = [max(scale) for scale in self.img_scale]
        shorts = [min(scale) for scale in self.img_scale]
        return (np.random.randint(min(longs), max(longs) + 1), np.random.randint(min(shorts), max(shorts) + 1))

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(img_scale={self.img_scale}, '
            f'multiscale_mode={self.multiscale_mode!r}, ratio_range={self.ratio_range}, '
            f'keep_ratio={self.keep_ratio})'
        )


@PIPELINES.register_module()
class RRandomFlip:
    """Mirrors the image and its boxes at random, or as test-time augmentation has set.

    The centre x goes to width - x, because pixel i covers the coordinates from i to i + 1, as
    RResize and RoIAlignRotated have it too. (0.x took width - x - 1, one pixel off.)

    Args:
        flip_ratio: probability of a flip, shared evenly among the directions, or one probability
            for each of them. None: never, unless an earlier step set ``flip``.
        direction: 'horizontal', 'vertical', 'diagonal' (both at once), or a list of them.
        version: angle version of the boxes: 'oc', 'le90' or 'le135'.
    """

    def __init__(
        self,
        flip_ratio: float | Sequence[float] | None = None,
        direction: str | Sequence[str] = 'horizontal',
        version: str = 'oc',
    ) -> None:
        directions = [direction] if isinstance(direction, str) else list(direction)
        unknown = [d for d in directions if d not in FLIP_DIRECTIONS]
        if unknown or not directions:
            raise ValueError(f'direction: one or more of {FLIP_DIRECTIONS}, got {direction!r}')
        self.direction = directions
        self.flip_ratio = _ratios(flip_ratio, len(directions))
        self.version = version

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
            results[key] = self._flip(results[key], results['img_shape'], direction)
        return results

    def _flip(self, boxes: np.ndarray, img_shape: Sequence[int], direction: str) -> np.ndarray:
        """Mirrored boxes (n, 5), with angles in the version's range."""
        flipped = bbox_flip(torch.from_numpy(boxes.reshape(-1, 5)), img_shape, direction)
        x, y, w, h, theta = flipped.unbind(dim=1)
        return torch.stack([x, y, *regularize(w, h, theta, self.version)], dim=1).numpy()

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(flip_ratio={self.flip_ratio}, direction={self.direction}, version={self.version!r})'
        )


def _ratios(flip_ratio: float | Sequence[float] | None, count: int) -> list[float]:
    """One probability for each of ``count`` directions."""
    if flip_ratio is None:
        flip_ratio = 0.0
    if isinstance(flip_ratio, (int, float)):
        ratios = [flip_ratio / count] * count
    else:
        ratios = [float(ratio) for ratio in flip_ratio]
    if len(ratios) != count:
        raise ValueError(f'flip_ratio: {count} direction(s), but {len(ratios)} ratio(s) {ratios}')
    if min(ratios) < 0 or sum(ratios) > 1 + 1e-6:
        raise ValueError(f'flip_ratio: probabilities in [0, 1] with a sum <= 1, got {ratios}')
    return ratios


@PIPELINES.register_module()
class Pad:
    """Pads the image at its right and bottom; boxes stay as they are.

    Args:
        size: (h, w) to pad to, in pixels.
        size_divisor: pad to the next multiple of it.
        pad_to_square: pad to a square of the longer edge (then to ``size_divisor``).
        pad_val: value of the new pixels, or dict(img=value).
    """

    def __init__(
        self,
        size: tuple[int, int] | None = None,
        size_divisor: int | None = None,
        pad_to_square: bool = False,
        pad_val: float | dict = 0,
    ) -> None:
        if size is None and size_divisor is None and not pad_to_square:
            raise ValueError('Pad needs size, size_divisor or pad_to_square')
        if size is not None and (size_divisor is not None or pad_to_square):
            raise ValueError('Pad: size excludes size_divisor and pad_to_square')
        if size_divisor is not None and size_divisor < 1:
            raise ValueError(f'Pad: size_divisor must be positive, got {size_divisor}')
        self.size = size
        self.size_divisor = size_divisor
        self.pad_to_square = pad_to_square
        self.pad_val = pad_val.get('img', 0) if isinstance(pad_val, dict) else pad_val

    def __call__(self, results: dict) -> dict:
        """Pad; sets pad_shape, pad_fixed_size, pad_size_divisor."""
        for key in results.get('img_fields', ['img']):
            h, w = results[key].shape[:2]
            results[key] = pad(results[key], self._shape(h, w), self.pad_val)
        results['pad_shape'] = results['img'].shape
        results['pad_fixed_size'] = self.size
        results['pad_size_divisor'] = self.size_divisor
        return results

    def _shape(self, h: int, w: int) -> tuple[int, int]:
        if self.size is not None:
            return self.size
        if self.pad_to_square:
            h = w = max(h, w)
        step = self.size_divisor or 1
        return -(-h // step) * step, -(-w // step) * step

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(size={self.size}, size_divisor={self.size_divisor}, '
            f'pad_to_square={self.pad_to_square}, pad_val={self.pad_val})'
        )
