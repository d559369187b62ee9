"""Image functions of the pipelines: arrays (H, W, 3) or (H, W), uint8 or float32, BGR as cv2's."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from mmrotate.utils import UserError

_FLAGS = {
    'color': cv2.IMREAD_COLOR,
    'grayscale': cv2.IMREAD_GRAYSCALE,
    'unchanged': cv2.IMREAD_UNCHANGED,
    'color_ignore_orientation': cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION,
    'grayscale_ignore_orientation': cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION,
}
COLOR_TYPES = tuple(_FLAGS)
_FLIP_CODES = {'horizontal': 1, 'vertical': 0, 'diagonal': -1}
FLIP_DIRECTIONS = tuple(_FLIP_CODES)


class BadImageError(UserError, ValueError):
    """An image file that cannot be read: missing, empty, truncated or of an unknown format."""


def read_image(path: str | Path, color_type: str = 'color') -> np.ndarray:
    """Read an image file of a format that OpenCV reads (png, jpg, tif, bmp, ...).

    The ``color_type`` 'color' gives uint8 (H, W, 3) in BGR order from any file (grey is repeated, alpha dropped, 16
    bits divided by 256, floats cut to 0..255), 'grayscale' uint8 (H, W), 'unchanged' keeps the depth of the file, with
    three channels as 'color'. The endings '_ignore_orientation' leave the EXIF orientation aside.

    Raises:
        BadImageError: the file is missing or damaged; the message holds its path.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise BadImageError(f'cannot open the image {path}: {error.strerror or error}') from error
    if not data:
        raise BadImageError(f'the image {path} is an empty file')
    # OpenCV 4 fills the lost part of a JPEG with grey and says nothing: look for its end mark
    if data[:2] == b'\xff\xd8' and data.rfind(b'\xff\xd9') < 0:
        raise BadImageError(f'the image {path} is truncated ({len(data)} bytes)')
    try:
        img = cv2.imdecode(np.frombuffer(data, np.uint8), _FLAGS[color_type])
        if img is None and color_type.startswith('color'):
            img = _decode_deep(data)
    except cv2.error as error:
        raise BadImageError(f'cannot decode the image {path}: {error}') from error
    if img is None:
        reason = 'it is truncated, damaged or of a format that OpenCV does not read'
        raise BadImageError(f'cannot decode the image {path} ({len(data)} bytes): {reason}')
    return _three_channels(img) if color_type == 'unchanged' else img


def _decode_deep(data: bytes) -> np.ndarray | None:
    """Decode a file with floating-point pixels, which OpenCV gives only unchanged: to uint8."""
    img = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if img is None or img.dtype.kind != 'f':
        return None
    return _three_channels(np.clip(img, 0, 255).astype(np.uint8))


def _three_channels(img: np.ndarray) -> np.ndarray:
    if img.ndim == 2 or img.shape[2] == 1:
        return cv2.cvtColor(img, cv2.COLOR_GRAY2BGR)
    return np.ascontiguousarray(img[..., :3])


def rescaled_size(size: tuple[int, int], scale: float | tuple[int, int]) -> tuple[int, int]:
    """Size (w, h) after scaling by a factor, or to fit into a long and a short edge (any order)."""
    if isinstance(scale, (int, float)):
        if scale <= 0:
            raise ValueError(f'a scale must be positive, got {scale}')
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


def flip(img: np.ndarray, direction: str) -> np.ndarray:
    """Mirrored copy of an image; direction: 'horizontal', 'vertical' or 'diagonal' (both)."""
    return cv2.flip(img, _FLIP_CODES[direction])


def pad(img: np.ndarray, shape: tuple[int, int], value: float | Sequence[float] = 0) -> np.ndarray:
    """Image padded at its right and bottom to ``shape`` (h, w); the image itself if it fits."""
    bottom, right = shape[0] - img.shape[0], shape[1] - img.shape[1]
    if bottom < 0 or right < 0:
        raise ValueError(f'cannot pad an image of (h, w) = {img.shape[:2]} to {tuple(shape)}')
    if bottom == 0 and right == 0:
        return img
    color = [value] * 4 if isinstance(value, (int, float)) else list(value)
    return cv2.copyMakeBorder(img, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=color)
