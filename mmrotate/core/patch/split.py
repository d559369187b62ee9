"""Where the patches of an image lie."""

import math
from collections.abc import Sequence
from itertools import product

import numpy as np

from mmrotate.utils.errors import ArgumentError

# shares that differ by less are one, as in 0.3
_ALIKE = 0.01


def get_multiscale_patch(
    sizes: Sequence[int], steps: Sequence[int], ratios: Sequence[float]
) -> tuple[list[int], list[int]]:
    """Sizes and steps of patches that show the image at several scales.

    Args:
        sizes: Sides of the patches in pixels.
        steps: Pixels from each patch to the next, one for each size.
        ratios: Scales; at 0.5 the patches are twice as large.

    Returns:
        Sizes, and their steps, for each size and ratio; fractions are cut off.
    """
    if len(sizes) != len(steps):
        raise ArgumentError(f'as many steps as sizes are needed, got {len(steps)} and {len(sizes)}')
    if any(ratio <= 0 for ratio in ratios):
        raise ArgumentError(f'ratios must be above 0, got {list(ratios)}')
    pairs = [
        (int(size / ratio), int(step / ratio))
        for (size, step), ratio in product(zip(sizes, steps, strict=True), ratios)
    ]
    return [size for size, _ in pairs], [step for _, step in pairs]


def slide_window(
    width: int, height: int, sizes: Sequence[int], steps: Sequence[int], img_rate_thr: float = 0.6
) -> np.ndarray:
    """Square windows (n, 4) of int64 over an image, as left, top, right, bottom in pixels.

    The last of a row or column is moved back to end with the image. A window larger than the image begins at 0
    and sticks out.

    Args:
        width: Of the image, in pixels.
        height: Likewise.
        sizes: Sides of the windows.
        steps: Pixels from each window to the next, one for each size and at most as large.
        img_rate_thr: Windows stay of which more than this share, in [0, 1], is image; where there is none, those with
            the largest share.
    """
    if not 0 <= img_rate_thr <= 1:
        raise ArgumentError(f'img_rate_thr must be in [0, 1], got {img_rate_thr}')
    if len(sizes) != len(steps) or any(not 0 < step <= size for size, step in zip(sizes, steps, strict=True)):
        raise ArgumentError(f'a step above 0 and up to each size is needed, got sizes {sizes} and steps {steps}')
    corners = [
        (x, y, x + size, y + size)
        for size, step in zip(sizes, steps, strict=True)
        for x, y in product(_starts(width, size, step), _starts(height, size, step))
    ]
    windows = np.array(corners, np.int64).reshape(-1, 4)
    inside = np.minimum(windows, [width, height, width, height])
    areas, shown = ((w[:, 2] - w[:, 0]) * (w[:, 3] - w[:, 1]) for w in (windows, inside))
    share = shown / areas
    enough = share > img_rate_thr
    return windows[enough if enough.any() else share > share.max(initial=0) - _ALIKE]


def tile_windows(width: int, height: int, sizes: Sequence[tuple[int, int]], overlap: float) -> np.ndarray:
    """Windows (n, 4) of int64 that cover an image, as left, top, right, bottom in pixels, from top to bottom.

    The last of a row or column is moved back to end with the image; a window larger than the image is cut to it.

    Args:
        width: Of the image, in pixels.
        height: Likewise.
        sizes: Width and height of the windows; those of each size cover the image.
        overlap: What neighbours share, as a part, in [0, 1), of the shorter side of their size.
    """
    corners = []
    for w, h in sizes:
        shared = round(overlap * min(w, h))
        places = product(_starts(width, w, max(w - shared, 1)), _starts(height, h, max(h - shared, 1)))
        corners += [(y, x, min(y + h, height), min(x + w, width)) for x, y in places]
    return np.unique(np.array(corners, np.int64).reshape(-1, 4), axis=0)[:, [1, 0, 3, 2]]


def _starts(length: int, size: int, step: int) -> list[int]:
    """Where the windows of one side of an image begin."""
    count = math.ceil(max(length - size, 0) / step) + 1
    return [min(i * step, max(length - size, 0)) for i in range(count)]
