"""Image functions of the pipelines: arrays (H, W, 3) or (H, W), uint8 or float32, BGR as cv2's."""

from collections.abc import Sequence

import cv2
import numpy as np

from mmrotate.core.images import COLOR_TYPES, BadImageError, as_image, decode_image, read_image
from mmrotate.utils.errors import ArgumentError

_FLIP_CODES = {'horizontal': 1, 'vertical': 0, 'diagonal': -1}
FLIP_DIRECTIONS = tuple(_FLIP_CODES)
__all__ = [
    'COLOR_TYPES',
    'FLIP_DIRECTIONS',
    'BadImageError',
    'as_image',
    'decode_image',
    'flip',
    'pad',
    'read_image',
    'rescaled_size',
    'resize',
    'swap_red_and_blue',
]


def rescaled_size(size: tuple[int, int], scale: float | tuple[int, int]) -> tuple[int, int]:
    """Size (w, h) after scaling by a factor, or to fit into a long and a short edge (any order)."""
    if isinstance(scale, (int, float)):
        if scale <= 0:
            raise ArgumentError(f'a scale must be positive, got {scale}')
        factor = float(scale)
    else:
        factor = min(max(scale) / max(size), min(scale) / min(size))
    return int(size[0] * factor + 0.5), int(size[1] * factor + 0.5)


def resize(img: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Image of ``size`` (w, h), at least one pixel each, bilinear; the image itself if it fits."""
    size = (max(size[0], 1), max(size[1], 1))
    if (img.shape[1], img.shape[0]) == size:
        return img
    return cv2.resize(img, size, interpolation=cv2.INTER_LINEAR)


def swap_red_and_blue(img: np.ndarray) -> np.ndarray:
    """BGR to RGB or back, a fourth channel stays where it is; a grey image (H, W) is given back."""
    if img.ndim == 2 or img.shape[2] == 1:
        return img
    return cv2.cvtColor(img, cv2.COLOR_BGR2RGB if img.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)


def flip(img: np.ndarray, direction: str) -> np.ndarray:
    """Mirrored copy of an image; direction: 'horizontal', 'vertical' or 'diagonal' (both)."""
    return cv2.flip(img, _FLIP_CODES[direction])


def pad(img: np.ndarray, shape: tuple[int, int], value: float | Sequence[float] = 0) -> np.ndarray:
    """Image padded at its right and bottom to ``shape`` (h, w); the image itself if it fits."""
    bottom, right = shape[0] - img.shape[0], shape[1] - img.shape[1]
    if bottom < 0 or right < 0:
        raise ArgumentError(f'cannot pad an image of (h, w) = {img.shape[:2]} to {tuple(shape)}')
    if bottom == 0 and right == 0:
        return img
    color = [value] * 4 if isinstance(value, (int, float)) else list(value)
    return cv2.copyMakeBorder(img, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=color)
