"""Images that look alike: a picture of nine by eight grey values, and the 64 signs of its steps from left to right."""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

_WIDTH, _HEIGHT = 9, 8
_SIGNS = 4  # of 64 that may differ
_GREY = 6.0  # mean difference of the grey values that may be, of 255
_FLAT = 2.0  # standard deviation below which a picture has nothing to be known by
_ROWS = 256  # that are compared at once


class Prints(NamedTuple):
    """What n images are known by."""

    signs: np.ndarray  # (n,) uint64
    grey: np.ndarray  # (n, 72) uint8


def fingerprint(image: np.ndarray) -> str:
    """The grey values that an image, uint8 (H, W) or (H, W, 3), is known by, as text."""
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return cv2.resize(grey, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA).tobytes().hex()


def gather_prints(texts: list[str]) -> Prints:
    """Fingerprints of n images; an empty text is an image that is like no other."""
    flat = bytes(_WIDTH * _HEIGHT)
    grey = np.frombuffer(b''.join(bytes.fromhex(text) or flat for text in texts), np.uint8)
    rows = grey.reshape(-1, _HEIGHT, _WIDTH)
    signs = np.packbits(rows[:, :, 1:] > rows[:, :, :-1], axis=None).view(np.uint64)
    return Prints(signs, grey.reshape(-1, _WIDTH * _HEIGHT))


def alike(one: Prints, other: Prints) -> Iterator[tuple[int, int]]:
    """Indices of the images of both that look alike, in rising order; pictures without any contrast are like no other.

    Memory does not grow with the product of the numbers.
    """
    known = np.flatnonzero(other.grey.std(1) >= _FLAT) if len(other.grey) else np.zeros(0, int)
    signs, grey = other.signs[known], other.grey[known].astype(np.int16)
    for start in range(0, len(one.signs), _ROWS):
        part = slice(start, start + _ROWS)
        near = _count_bits(one.signs[part, None] ^ signs) <= _SIGNS
        for row, column in zip(*np.nonzero(near), strict=True):
            values = one.grey[start + row].astype(np.int16)
            if values.std() >= _FLAT and np.abs(values - grey[column]).mean() <= _GREY:
                yield int(start + row), int(known[column])


_BITS = np.array([bin(value).count('1') for value in range(1 << 16)], np.uint8)


def _count_bits(values: np.ndarray) -> np.ndarray:
    """How many bits are set in whole numbers of 64 bits."""
    parts = np.ascontiguousarray(values)[..., None].view(np.uint16)
    return _BITS[parts].sum(-1, dtype=np.uint8)
