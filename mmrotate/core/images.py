"""Images from files and from memory, as pipelines and drawing take them: uint8 (H, W, 3), BGR, in cv2's channel order.

One set of rules holds for both, so an array gives what a file with its pixels would give.
"""

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin

from mmrotate.core.wholeness import damage
from mmrotate.utils import UserError, get_root_logger

_FLAGS = {
    'color': cv2.IMREAD_COLOR,
    'grayscale': cv2.IMREAD_GRAYSCALE,
    'unchanged': cv2.IMREAD_UNCHANGED,
    'color_ignore_orientation': cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION,
    'grayscale_ignore_orientation': cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION,
}
COLOR_TYPES = tuple(_FLAGS)
_NEEDED = 'an image array (H, W, 3), uint8, BGR, is needed'
_HINTS = {
    'NoneType': '; cv2.imread gives None for a file that it cannot read',
    'Tensor': '; give tensor.permute(1, 2, 0).cpu().numpy() of an image (3, H, W), in BGR order',
    'list': '; several images are one list of arrays or files',
}
_TIFF_STARTS = (b'II*\0', b'MM\0*')
_PHOTOMETRIC, _SAMPLES, _SAMPLE_FORMAT = 262, 277, 339  # tags of TIFF
_SIGNED = 2
_told: set[str] = set()  # warnings are for the first image of their kind


class BadImageError(UserError, ValueError):
    """An image that cannot be read: a file that is missing or damaged, an array of pixels that mean nothing."""


class NotAnImageError(UserError, TypeError):
    """A thing that is no image at all; the message says what it is."""


def read_image(path: str | Path, color_type: str = 'color') -> np.ndarray:
    """Read an image file of a format that OpenCV reads (png, jpg, tif, bmp, ...).

    The ``color_type`` 'color' gives uint8 (H, W, 3) in BGR order from any file (grey is repeated, alpha dropped, 16
    bits divided by 256, floats in 0..1 multiplied by 255, all other floats cut to 0..255), 'grayscale' uint8 (H, W),
    'unchanged' keeps the depth of the file, a fourth channel too; grey is repeated. The endings '_ignore_orientation'
    leave the EXIF orientation aside.

    Raises:
        BadImageError: the file is missing or damaged; the message holds its path.
    """
    name = f'the image {_short(str(path))}'
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:  # a name with a zero byte is a ValueError
        raise BadImageError(f'cannot open {name}: {getattr(error, "strerror", None) or error}') from error
    return decode_image(data, color_type, name)


def as_image(image: Any, color_type: str = 'color') -> np.ndarray:
    """The image that an object in memory is, as :func:`read_image` gives it from a file.

    Args:
        image: An array (H, W), (H, W, 1), (H, W, 3) in BGR or (H, W, 4) in BGRA order: uint8 or other whole numbers in
            0..255; uint16, divided by 256; floats in 0..1 or in 0..255. Or an image of Pillow, or the bytes of a file.
        color_type: See :func:`read_image`.

    Raises:
        BadImageError: A wrong shape, dtype or range; the message names it.
        NotAnImageError: Another type.
    """
    if isinstance(image, bytes | bytearray | memoryview):
        return decode_image(bytes(image), color_type, f'the image in {type(image).__name__}')
    if isinstance(image, Image.Image):
        image = _of_pillow(image)
    if not isinstance(image, np.ndarray):
        shape = getattr(image, 'shape', None)
        kind = 'None' if image is None else type(image).__name__
        of_shape = '' if shape is None else f' of the shape {tuple(shape)}'
        raise NotAnImageError(f'{_NEEDED}, got {kind}{of_shape}{_HINTS.get(type(image).__name__, "")}')
    _check_shape(image.shape)
    if color_type != 'unchanged' or not _is_deep(image):
        image = _eight_bits(image)
    return _with_channels(image, color_type)


def _short(text: str) -> str:
    return text if len(text) <= 200 else f'{text[:90]}...{text[-90:]} ({len(text)} characters)'


def _warn_once(kind: str, text: str) -> None:
    if kind not in _told:
        _told.add(kind)
        get_root_logger().warning('%s (said for the first such image only)', text)


def decode_image(data: bytes, color_type: str, name: str) -> np.ndarray:
    """The image in the bytes of a file, see :func:`read_image`; messages call it ``name``."""
    check_whole(data, name)
    pixels = np.frombuffer(data, np.uint8)
    if data[:4] in _TIFF_STARTS and (tiff := _decode_tiff(data, color_type, name)) is not None:
        return _with_channels(tiff, color_type)
    try:
        img = cv2.imdecode(pixels, _FLAGS[color_type])
        dark = img is None or img.max() < 16
        deep = cv2.imdecode(pixels, cv2.IMREAD_UNCHANGED) if dark and color_type != 'unchanged' else None
        deep = deep[..., :3] if deep is not None and deep.ndim == 3 else deep  # a fourth channel has no brightness
    except cv2.error as error:
        raise BadImageError(f'cannot decode {name}: {error}') from error
    if img is None and deep is not None and deep.dtype.kind == 'f':  # OpenCV gives floats only unchanged
        img = _eight_bits(_cut(deep, name))
    elif deep is not None and deep.dtype == np.uint16:
        _warn_of_few_bits(int(deep.max()), name)
    if img is None:
        reason = 'it is truncated, damaged, of more than four channels or of a format that OpenCV does not read'
        raise BadImageError(f'cannot decode {name} ({len(data)} bytes): {reason}')
    return _with_channels(img, color_type)


def _decode_tiff(data: bytes, color_type: str, name: str) -> np.ndarray | None:
    """A TIFF of a kind that OpenCV does not read as it is: alpha it multiplies in, of plain bands it takes the first.

    None for all others.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.mode in ('RGBA', 'LA', 'P', 'PA'):
                turned = image if color_type.endswith('_orientation') else ImageOps.exif_transpose(image)
                pixels = _of_pillow(turned)
                return pixels if color_type == 'unchanged' else pixels[..., :3]
            tags: Any = image.tag_v2  # type: ignore[attr-defined]
    except Image.UnidentifiedImageError:  # more bits, or bands, than Pillow knows
        tags = TiffImagePlugin.ImageFileDirectory_v2(data[:8])
        stream = io.BytesIO(data)
        stream.seek(tags.next)
        tags.load(stream)
    except (OSError, ValueError, SyntaxError) as error:
        raise BadImageError(f'cannot decode {name} ({len(data)} bytes): {error}') from error
    hint = 'mmrotate infer --tile reads it (pip install mmrotate[geo]); for a training write it as uint8 or uint16'
    if _first(tags, _SAMPLE_FORMAT, 1) == _SIGNED:
        raise BadImageError(f'cannot read {name}: a TIFF of signed numbers; {hint}')
    if _first(tags, _PHOTOMETRIC, 2) > 1 or (samples := _first(tags, _SAMPLES, 1)) < 3:
        return None
    deep: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if samples == 4 or (deep is not None and deep.dtype == np.uint8):
        what = f'a TIFF of {samples} bands that does not say that they are colours'
        raise BadImageError(f'cannot read {name}: {what}; gdal_translate -co PHOTOMETRIC=RGB says it, or {hint}')
    if color_type == 'unchanged' or deep is None or deep.dtype != np.uint16:
        return deep
    _warn_of_few_bits(int(deep.max()), name)
    return (deep >> 8).astype(np.uint8)


def _first(tags: Any, tag: int, default: int) -> int:
    value = tags.get(tag, default)
    return int(value[0] if isinstance(value, tuple) else value)


def check_whole(data: bytes, name: str) -> None:
    """Raise a BadImageError if a file, of these bytes, is none of a whole image, see :func:`damage`."""
    if (what := damage(data)) is not None:
        raise BadImageError(f'{name} {what}')


def _cut(img: np.ndarray, name: str) -> np.ndarray:
    """Floats of a file cut to 0..255: what lies outside, or is no number, marks places without data."""
    cut = np.clip(np.nan_to_num(img, posinf=255.0, neginf=0.0), 0, 255)
    if not np.array_equal(cut, img):
        _warn_once('cut', f'{name} has pixels outside of 0..255, which are cut to that range')
    return cut


def _warn_of_few_bits(high: int, name: str) -> None:
    if 0 < high < 1 << 12:
        text = f'{name} has 16 bits a pixel, but no value above {high}: divided by 256, as all such images, it is dark'
        _warn_once('bits', f'{text}; stretch it to 0..65535, or to uint8, if it should not be')


def _of_pillow(image: Image.Image) -> np.ndarray:
    """Array of an image of Pillow, its colours in cv2's order."""
    if image.mode in ('L', 'F', 'I') or image.mode.startswith('I;16'):
        return np.asarray(image)
    alpha = 'A' in image.getbands() or 'transparency' in image.info
    rgb = np.asarray(image.convert('RGBA' if alpha else 'RGB'))
    return rgb[..., [2, 1, 0, 3][: rgb.shape[2]]]


def _check_shape(shape: tuple[int, ...]) -> None:
    hint = ''
    if len(shape) == 4:
        hint = '; a batch is given as a list: list(array)'
    elif len(shape) == 3 and shape[0] in (1, 3, 4) and shape[2] not in (1, 3, 4):
        hint = '; channels come last: array.transpose(1, 2, 0)'
    if 0 in shape or len(shape) not in (2, 3) or shape[2:] not in ((), (1,), (3,), (4,)):
        raise BadImageError(f'{_NEEDED}, got an array of the shape {shape}{hint}')


def _is_deep(img: np.ndarray) -> bool:
    """Whether 'unchanged' may leave an array as it is: steps take bytes, 16 bits and floats."""
    return img.dtype in (np.uint8, np.uint16, np.float32)


def _eight_bits(img: np.ndarray) -> np.ndarray:
    """An array as uint8, by its type and range."""
    if img.dtype == np.uint8:
        return img
    if img.dtype.kind not in 'uif':
        raise BadImageError(f'{_NEEDED}, got an array of {img.dtype}')
    low, high = float(img.min()), float(img.max())
    if img.dtype.kind == 'f' and -1e-3 <= low and (high <= 255 and not 1.001 < high < 2):
        scaled = img * 255 if high <= 1.001 else img
        return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    sixteen = img.dtype.kind == 'u' and img.dtype.itemsize == 2
    if sixteen and (high > 255 or high == 0):
        _warn_of_few_bits(int(high), 'an image array')
        return (img >> 8).astype(np.uint8)
    if img.dtype.kind != 'f' and not sixteen and low >= 0 and high <= 255:
        return img.astype(np.uint8)
    raise BadImageError(
        f'an image array of {img.dtype} with values from {low:g} to {high:g} can be read in more than one way or none: '
        'give uint8; uint16 in 0..65535 is divided by 256, floats are in 0..1 or in 0..255'
    )


def _with_channels(img: np.ndarray, color_type: str) -> np.ndarray:
    """An image (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) with the channels of a ``color_type``."""
    planes = img[..., None] if img.ndim == 2 else img
    count = planes.shape[2]
    if count == 4 and color_type != 'unchanged':
        if (hidden := (planes[..., 3] < 255).mean()) > 0:
            text = f'the fourth channel of an image array is taken for alpha and dropped; it hides {hidden:.0%}'
            _warn_once('alpha', f"{text} of the pixels. color_type='unchanged' in the pipeline keeps four channels")
        planes = planes[..., :3]
    if color_type.startswith('grayscale'):
        gray = planes if count == 1 else cv2.cvtColor(np.ascontiguousarray(planes), cv2.COLOR_BGR2GRAY)
        return gray.reshape(img.shape[:2])
    return np.repeat(planes, 3, axis=2) if count == 1 else np.ascontiguousarray(planes)
