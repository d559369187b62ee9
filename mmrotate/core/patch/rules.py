"""How a large image is cut into windows, and which of its objects a window has."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from mmrotate.utils.errors import ArgumentError

from .clip import inside_shares
from .split import slide_window

# pairs of an object and a window that are looked at together: some 100 MB
_PAIRS = 1 << 21
_ROUNDING = 1e-9  # by which a share that is just enough may come out too small


class Held(NamedTuple):
    """The objects of a window."""

    objects: np.ndarray  # int64 (k,), which of the image's, in their order
    cut: np.ndarray  # bool (k,), whether a part of it lies outside of the window


@dataclass(frozen=True)
class WindowRules:
    """Windows and their objects, by the rules with which MMRotate 0.3 splits DOTA.

    Args:
        sizes: Sides of the windows in pixels.
        gaps: Pixels by which neighbours overlap, one for each size.
        rates: Scales: each size and gap is divided by each of them, fractions are cut off.
        img_rate_thr: See :func:`slide_window`.
        iof_thr: A window has the objects of whose area at least this share, in (0, 1], lies in it.

    Raises:
        ArgumentError: Values that cannot be used.
    """

    sizes: Sequence[int] = (1024,)
    gaps: Sequence[int] = (200,)
    rates: Sequence[float] = (1.0,)
    img_rate_thr: float = 0.6
    iof_thr: float = 0.7

    def __post_init__(self) -> None:
        if len(self.sizes) != len(self.gaps) or not self.sizes:
            raise ArgumentError(f'a gap for each size is needed, got sizes {self.sizes} and gaps {self.gaps}')
        if not self.rates or min(self.rates) <= 0:
            raise ArgumentError(f'rates above 0 are needed, got {self.rates}')
        if any(not 0 <= gap < size for size, gap in self.scaled):
            raise ArgumentError(
                f'gaps from 0 on and below their size are needed, got sizes {self.sizes}, gaps {self.gaps}'
            )
        if not 0 <= self.img_rate_thr <= 1 or not 0 < self.iof_thr <= 1:
            raise ArgumentError(
                f'img_rate_thr in [0, 1] and iof_thr in (0, 1] are needed, got {self.img_rate_thr} and {self.iof_thr}'
            )

    @property
    def scaled(self) -> list[tuple[int, int]]:
        """Side and gap in pixels of the image, of each size and rate."""
        pairs = zip(self.sizes, self.gaps, strict=True)
        return [(int(size / rate), int(gap / rate)) for rate, (size, gap) in product(self.rates, pairs)]

    def windows(self, width: int, height: int) -> np.ndarray:
        """Left, top, right, bottom (n, 4), int64, of the windows of an image; each once, row by row."""
        sizes, steps = zip(*((size, size - gap) for size, gap in self.scaled), strict=True)
        found = np.unique(slide_window(width, height, sizes, steps, self.img_rate_thr), axis=0)
        left, top, right, _ = found.T
        return found[np.lexsort((left, top, right - left))]

    def share_out(self, polygons: np.ndarray, windows: np.ndarray) -> Iterator[Held]:
        """The objects of each window.

        Args:
            polygons: Corners (n, 2k) of the objects of the image, in pixels.
            windows: Left, top, right, bottom (m, 4).
        """
        corners = polygons.reshape(len(polygons), polygons.shape[1] // 2, 2)
        low, high = corners.min(1, initial=np.inf), corners.max(1, initial=-np.inf)
        step = max(_PAIRS // max(len(polygons), 1), 1)
        for start in range(0, len(windows), step):
            part = windows[start : start + step]
            shares = inside_shares(polygons, part)
            for share, window in zip(shares.T, part, strict=True):
                held = np.flatnonzero(share >= self.iof_thr - _ROUNDING)
                cut = ((low[held] < window[:2]) | (high[held] > window[2:])).any(1)
                yield Held(held, cut)
