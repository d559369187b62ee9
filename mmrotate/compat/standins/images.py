"""Images as ``mmcv.image`` reads, writes and changes them: arrays (H, W) or (H, W, C), in cv2's channel order."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mmrotate.core.images import as_image, read_image
from mmrotate.utils import UserError
from mmrotate.utils.files import write_atomically

INTERPOLATIONS = {
    'nearest': cv2.INTER_NEAREST, 'bilinear': cv2.INTER_LINEAR, 'bicubic': cv2.INTER_CUBIC, 'area': cv2.INTER_AREA,
    'lanczos': cv2.INTER_LANCZOS4,
}  # fmt: skip
_BORDERS = {
    'constant': cv2.BORDER_CONSTANT, 'edge': cv2.BORDER_REPLICATE, 'reflect': cv2.BORDER_REFLECT_101,
    'symmetric': cv2.BORDER_REFLECT,
}  # fmt: skip
_Size = tuple[int, int]


def imread(img_or_path: Any, flag: str = 'color', channel_order: str = 'bgr', backend: str | None = None) -> np.ndarray:
    """The image of a file; an array is given back as it is.

    Args:
        img_or_path: A path or an array.
        flag: ``'color'``, ``'grayscale'``, ``'unchanged'`` or one of the first two with ``_ignore_orientation``.
        channel_order: ``'bgr'`` or ``'rgb'``.
        backend: None or ``'cv2'``.

    Raises:
        BadImageError: The file is missing or damaged.
    """
    _check_backend(backend)
    if isinstance(img_or_path, np.ndarray):
        return img_or_path
    return _ordered(read_image(img_or_path, flag), channel_order)


def imfrombytes(
    content: bytes, flag: str = 'color', channel_order: str = 'bgr', backend: str | None = None
) -> np.ndarray:
    """The image of a file's bytes; see :func:`imread`."""
    _check_backend(backend)
    return _ordered(as_image(content, flag), channel_order)


def _check_backend(backend: str | None) -> None:
    if backend not in (None, 'cv2'):
        raise UserError(f"images are read by OpenCV: backend must be None or 'cv2', got {backend!r}")


def _ordered(img: np.ndarray, order: str) -> np.ndarray:
    if order.lower() not in ('bgr', 'rgb'):
        raise ValueError(f"channel_order must be 'bgr' or 'rgb', got {order!r}")
    return bgr2rgb(img) if order.lower() == 'rgb' and img.ndim == 3 else img


def imwrite(img: np.ndarray, file_path: str | Path, params: list[int] | None = None, auto_mkdir: bool = True) -> bool:
    """Write an image in the format of the file's ending, with the parameters of ``cv2.imencode``; True."""
    path = Path(file_path)
    if auto_mkdir:
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        _, data = cv2.imencode(path.suffix, img, params or [])
    except cv2.error as error:
        raise UserError(f'{path}: OpenCV cannot write this image in the format {path.suffix!r}: {error}') from error
    write_atomically(path, data.tobytes())
    return True


def _converter(code: int, name: str) -> Callable[[np.ndarray], np.ndarray]:
    def convert(img: np.ndarray) -> np.ndarray:
        return cv2.cvtColor(img, code)

    convert.__name__, convert.__doc__ = name, f'``cv2.cvtColor`` by {name.upper()}.'
    return convert


bgr2rgb, rgb2bgr = _converter(cv2.COLOR_BGR2RGB, 'bgr2rgb'), _converter(cv2.COLOR_RGB2BGR, 'rgb2bgr')
bgr2hsv, hsv2bgr = _converter(cv2.COLOR_BGR2HSV, 'bgr2hsv'), _converter(cv2.COLOR_HSV2BGR, 'hsv2bgr')
gray2bgr, gray2rgb = _converter(cv2.COLOR_GRAY2BGR, 'gray2bgr'), _converter(cv2.COLOR_GRAY2RGB, 'gray2rgb')


def bgr2gray(img: np.ndarray, keepdim: bool = False) -> np.ndarray:
    """Grey (H, W), or (H, W, 1) with ``keepdim``."""
    grey = cv2.cvtColor(img, cv2.COLOR_BGR2GRAY)
    return grey[..., None] if keepdim else grey


def rgb2gray(img: np.ndarray, keepdim: bool = False) -> np.ndarray:
    """Grey (H, W), or (H, W, 1) with ``keepdim``."""
    return bgr2gray(rgb2bgr(img), keepdim)


def imresize(
    img: np.ndarray,
    size: _Size,
    return_scale: bool = False,
    interpolation: str = 'bilinear',
    out: np.ndarray | None = None,
    backend: str | None = None,
) -> Any:
    """The image in the size (width, height); with ``return_scale`` also the factors of width and height."""
    _check_backend(backend)
    height, width = img.shape[:2]
    resized = cv2.resize(img, tuple(size), dst=out, interpolation=INTERPOLATIONS[interpolation])
    return (resized, size[0] / width, size[1] / height) if return_scale else resized


def imresize_like(
    img: np.ndarray,
    dst_img: np.ndarray,
    return_scale: bool = False,
    interpolation: str = 'bilinear',
    backend: str | None = None,
) -> Any:
    """The image in the size of another; see :func:`imresize`."""
    return imresize(img, dst_img.shape[1::-1], return_scale, interpolation, backend=backend)


def rescale_size(old_size: _Size, scale: float | _Size, return_scale: bool = False) -> Any:
    """The size (width, height) by a factor, or the largest within ``scale`` (long and short side, in any order)."""
    width, height = old_size
    if isinstance(scale, int | float):
        if scale <= 0:
            raise ValueError(f'the scale must be above 0, got {scale}')
        factor = float(scale)
    elif isinstance(scale, tuple):
        factor = min(max(scale) / max(width, height), min(scale) / min(width, height))
    else:
        raise TypeError(f'the scale must be a number or a tuple of two, got {type(scale).__name__}')
    new = int(width * factor + 0.5), int(height * factor + 0.5)
    return (new, factor) if return_scale else new


def imrescale(
    img: np.ndarray,
    scale: float | _Size,
    return_scale: bool = False,
    interpolation: str = 'bilinear',
    backend: str | None = None,
) -> Any:
    """The image in the size that :func:`rescale_size` gives; with ``return_scale`` also the factor."""
    size, factor = rescale_size((img.shape[1], img.shape[0]), scale, return_scale=True)
    resized = imresize(img, size, interpolation=interpolation, backend=backend)
    return (resized, factor) if return_scale else resized


def imnormalize(img: np.ndarray, mean: np.ndarray, std: np.ndarray, to_rgb: bool = True) -> np.ndarray:
    """(image - mean) / std in float32, turned from BGR to RGB before if ``to_rgb``."""
    return imnormalize_(img.copy().astype(np.float32), mean, std, to_rgb)


def imnormalize_(img: np.ndarray, mean: np.ndarray, std: np.ndarray, to_rgb: bool = True) -> np.ndarray:
    """:func:`imnormalize` of a float image in place."""
    if img.dtype == np.uint8:
        raise AssertionError('imnormalize_ writes into the image: it must be of floats, got uint8')
    if to_rgb:
        img[:] = bgr2rgb(img)
    img -= np.asarray(mean, img.dtype).reshape(-1)
    img /= np.asarray(std, img.dtype).reshape(-1)
    return img


def imdenormalize(img: np.ndarray, mean: np.ndarray, std: np.ndarray, to_bgr: bool = True) -> np.ndarray:
    """Image * std + mean, turned from RGB to BGR after that if ``to_bgr``."""
    out = img * np.asarray(std, img.dtype).reshape(-1) + np.asarray(mean, img.dtype).reshape(-1)
    return rgb2bgr(out) if to_bgr else out


def imflip(img: np.ndarray, direction: str = 'horizontal') -> np.ndarray:
    """The image mirrored ``'horizontal'``, ``'vertical'`` or ``'diagonal'``."""
    axes: dict[str, tuple[int, ...]] = {'horizontal': (1,), 'vertical': (0,), 'diagonal': (0, 1)}
    if direction not in axes:
        raise AssertionError(f'direction must be one of {list(axes)}, got {direction!r}')
    return np.flip(img, axes[direction])


def imflip_(img: np.ndarray, direction: str = 'horizontal') -> np.ndarray:
    """:func:`imflip` in place."""
    img[:] = imflip(img, direction).copy()
    return img


def imrotate(
    img: np.ndarray,
    angle: float,
    center: tuple[float, float] | None = None,
    scale: float = 1.0,
    border_value: int = 0,
    interpolation: str = 'bilinear',
    auto_bound: bool = False,
) -> np.ndarray:
    """The image turned clockwise by degrees around ``center``, its middle by default.

    With ``auto_bound`` the result is as large as the whole turned image.
    """
    height, width = img.shape[:2]
    if center is not None and auto_bound:
        raise ValueError('center goes without auto_bound')
    middle = ((width - 1) / 2, (height - 1) / 2) if center is None else center
    matrix = cv2.getRotationMatrix2D(middle, -angle, scale)
    if auto_bound:
        cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
        bounds = height * sin + width * cos, height * cos + width * sin
        matrix[:, 2] += [(bounds[0] - width) / 2, (bounds[1] - height) / 2]
        width, height = (round(float(side)) for side in bounds)
    how = INTERPOLATIONS[interpolation]
    return cv2.warpAffine(img, matrix, (width, height), flags=how, borderValue=(border_value,) * 4)


def imcrop(img: np.ndarray, bboxes: np.ndarray, scale: float = 1.0, pad_fill: Any = None) -> Any:
    """Cut an upright box (4,), or boxes (n, 4), corners included, out of the image; grown by ``scale``.

    Without ``pad_fill`` boxes are cut at the image's edge, with it they are filled with it outside of the image.
    """
    single = np.ndim(bboxes) == 1
    boxes = np.atleast_2d(bboxes).astype(np.float64)
    grow = (boxes[:, 2:] - boxes[:, :2] + 1) * (scale - 1) / 2
    boxes = np.concatenate([boxes[:, :2] - grow, boxes[:, 2:] + grow], 1).astype(int)
    height, width = img.shape[:2]
    patches = []
    for left, top, right, bottom in boxes:
        x, y = max(left, 0), max(top, 0)
        patch = img[y : max(min(bottom, height - 1) + 1, y), x : max(min(right, width - 1) + 1, x)]
        if pad_fill is not None:
            whole = np.empty((bottom - top + 1, right - left + 1, *img.shape[2:]), img.dtype)
            whole[...] = pad_fill
            whole[y - top : y - top + patch.shape[0], x - left : x - left + patch.shape[1]] = patch
            patch = whole
        patches.append(patch.copy())
    return patches[0] if single else patches


def impad(
    img: np.ndarray,
    *,
    shape: _Size | None = None,
    padding: int | tuple[int, ...] | None = None,
    pad_val: Any = 0,
    padding_mode: str = 'constant',
) -> np.ndarray:
    """The image with a border, up to the ``shape`` (height, width) or by ``padding``.

    Args:
        img: The image.
        shape: At right and bottom up to this; give either this or ``padding``.
        padding: Pixels on all sides, (left and right, top and bottom), or (left, top, right, bottom).
        pad_val: Value of the border, or one for each channel.
        padding_mode: ``'constant'``, ``'edge'``, ``'reflect'`` or ``'symmetric'``.
    """
    if (shape is None) == (padding is None):
        raise ValueError('give either shape or padding')
    if shape is not None:
        sides = (0, 0, max(shape[1] - img.shape[1], 0), max(shape[0] - img.shape[0], 0))
    else:
        given = (padding,) * 2 if isinstance(padding, int) else tuple(padding or ())
        if len(given) not in (2, 4):
            raise ValueError(f'padding must be a number or two or four of them, got {padding}')
        sides = (*given, *given)[:4]  # type: ignore[assignment]
    left, top, right, bottom = sides
    values = pad_val if isinstance(pad_val, int | float) else list(pad_val)
    fill = values if isinstance(values, list) else [values] * (img.shape[2] if img.ndim == 3 else 1)
    return cv2.copyMakeBorder(img, top, bottom, left, right, _BORDERS[padding_mode], value=fill)


def impad_to_multiple(img: np.ndarray, divisor: int, pad_val: Any = 0) -> np.ndarray:
    """The image padded at right and bottom, so that ``divisor`` divides its sides."""
    height, width = (-(-side // divisor) * divisor for side in img.shape[:2])
    return impad(img, shape=(height, width), pad_val=pad_val)
