"""Boxes drawn into axes of matplotlib, as MMRotate 0.3 did."""

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
