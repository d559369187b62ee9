"""Legible labels: text on a coloured ground, placed where no other label stands."""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import ImageFont

from .palette import Color


def label_patch(text: str, size: int, color: Color) -> np.ndarray:
    """Picture of a label: uint8 (h, w, 3), the text black or white, by contrast, on the ground ``color`` (any order).

    The text is one line of any characters that the font DejaVu Sans has, ``size`` the height of the letters in pixels.
    """
    ground = np.array(color, np.float32)
    # the two outer channels weigh alike, so that RGB and BGR get the same ink
    ink = 0.0 if ground @ np.array([0.2, 0.6, 0.2], np.float32) > 110 else 255.0
    alpha = _text_mask(text, size)[..., None] / 255.0
    return (ground * (1 - alpha) + ink * alpha).astype(np.uint8)


@lru_cache(maxsize=2048)
def _text_mask(text: str, size: int) -> np.ndarray:
    """Coverage 0..255 of the text with a margin around it, (h, w)."""
    font = _font(size)
    ascent, descent = font.getmetrics()
    margin = max(1, size // 6)
    drawn, (left, top) = font.getmask2(text, mode='L')
    width, height = drawn.size
    glyphs = np.array(drawn, np.uint8).reshape(height, width)
    full = np.zeros((ascent + descent, left + width), np.uint8)
    full[top : top + height, left:] = glyphs[: full.shape[0] - top]
    return np.pad(full, ((0, 0), (margin, margin)))


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont:
    # matplotlib brings the font; loading it for that would take a third of a second
    spec = find_spec('matplotlib')
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError('matplotlib is not installed, whose font labels are drawn with')
    return ImageFont.truetype(str(Path(spec.origin).parent / 'mpl-data' / 'fonts' / 'ttf' / 'DejaVuSans.ttf'), size)


class LabelPlacer:
    """Finds places for labels in an image of ``size`` (width, height), where they cover neither each other nor objects.

    Of the objects, ``boxes`` (n, 5), the cores must stay visible.
    """

    def __init__(self, size: tuple[int, int], boxes: np.ndarray) -> None:
        self.width, self.height = size
        core = np.clip(0.35 * np.abs(boxes[:, 2:4]).min(axis=1, keepdims=True), 2, 12)
        # what must not be covered, as (x1, y1, x2, y2): the cores of objects, and labels
        self.taken = np.concatenate([boxes[:, :2] - core, boxes[:, :2] + core], axis=1)

    def place(self, corners: np.ndarray, label: tuple[int, int]) -> tuple[int, int] | None:
        """Upper left corner of a label (width, height) at an object of ``corners`` (4, 2); None if there is no room.

        Tried are places above the topmost corner, below the lowest, at the right of the rightmost and at the left of
        the leftmost, and last one inside.
        """
        width, height = label
        if width > self.width or height > self.height:
            return None
        for x, y in _spots(corners, label, (self.width, self.height)):
            left = min(max(round(x), 0), self.width - width)
            top = min(max(round(y), 0), self.height - height)
            x1, y1, x2, y2 = self.taken.T
            if np.all((x2 <= left) | (x1 >= left + width) | (y2 <= top) | (y1 >= top + height)):
                self.taken = np.vstack([self.taken, [left, top, left + width, top + height]])
                return left, top
        return None


def _spots(corners: np.ndarray, label: tuple[int, int], image: tuple[int, int]) -> list[tuple[float, float]]:
    """Upper left corners of a label beside the four outermost corners, the best first.

    Places that the image's border would push onto the object are left out; the last one, below the topmost corner, is
    for objects that fill the image.
    """
    width, height = label
    x, y = corners[:, 0], corners[:, 1]
    # of two corners at the same height the left one, of two at the same side the upper one
    top, bottom = corners[np.argmin(y + 1e-3 * x)], corners[np.argmax(y - 1e-3 * x)]
    left, right = corners[np.argmin(x + 1e-3 * y)], corners[np.argmax(x - 1e-3 * y)]
    spots = []
    for corner, row in ((top, top[1] - height - 1), (bottom, bottom[1] + 2)):
        if 0 <= row <= image[1] - height:
            spots += [(corner[0] - back * width, row) for back in (0, 0.5, 1)]
    for corner, column in ((right, right[0] + 2), (left, left[0] - width - 2)):
        if 0 <= column <= image[0] - width:
            spots.append((column, corner[1] - height / 2))
    return [*spots, (top[0], top[1] + 1)]
