"""Boxes drawn into axes of matplotlib, and its colours, as MMRotate 0.3 had them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmrotate.core.visualization.image import rbox_corners


def draw_rbboxes(
    ax: Any, bboxes: np.ndarray, color: str | Sequence = 'g', alpha: float = 0.8, thickness: float = 2
) -> Any:
    """Draw the outlines of boxes (n, 5) into the axes ``ax``, which are given back.

    ``color`` is one of matplotlib's for all, or a list with one for each box; ``thickness`` is in points.
    """
    each = color if isinstance(color, list) else [color] * len(bboxes)
    for corners, own in zip(rbox_corners(np.asarray(bboxes, np.float64)[:, :5]), each, strict=True):
        ax.plot(*np.concatenate([corners, corners[:1]]).T, color=own, alpha=alpha, linewidth=thickness)
    return ax


def palette_val(palette: Sequence[Sequence[int]]) -> list[tuple[float, ...]]:
    """Colours of matplotlib, in 0..1, from those in 0..255."""
    return [tuple(value / 255 for value in color) for color in palette]
