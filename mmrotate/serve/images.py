"""An image from the bytes that a client sent."""

import io
import struct

import numpy as np
from PIL import Image

from mmrotate.core.images import BadImageError, decode_image
from mmrotate.serve.limits import RequestError

FORMATS = ('JPEG', 'PNG', 'BMP', 'WEBP', 'TIFF')


def decode(data: bytes, name: str, most_pixels: int) -> np.ndarray:
    """The image (H, W, 3), uint8, BGR, in the bytes of a file.

    Its size is taken from its header first: a small file may unpack to more than the machine has memory for.

    Raises:
        RequestError: It is no image, is damaged (400), or has more than ``most_pixels`` pixels (413).
    """
    width, height = _size(data, name)
    if width * height > most_pixels:
        raise RequestError(413, f'{name} has {width} x {height} pixels, at most {most_pixels} are taken')
    try:
        return decode_image(data, 'color', name)
    except BadImageError as error:
        raise RequestError(400, str(error)) from None


def _size(data: bytes, name: str) -> tuple[int, int]:
    if not data:
        raise RequestError(400, f'{name} is empty: send the bytes of an image file')
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return image.size
    except Image.DecompressionBombError as error:
        raise RequestError(413, f'{name} has too many pixels: {error}') from None
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, OverflowError, TypeError, KeyError):
        begin = data[:16]
        text = f'{name} ({len(data)} bytes, which begin with {begin!r}) is no image of the kinds {", ".join(FORMATS)}'
        raise RequestError(400, text) from None
