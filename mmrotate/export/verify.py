"""An exported detector against PyTorch, on images."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from mmrotate.core import obb2poly

Result = Sequence[np.ndarray]


class Difference(NamedTuple):
    """Of two lists of results: matched pairs, and those that have no partner.

    ``box`` is the largest distance of two corners in pixels, ``score`` the largest difference of scores.
    """

    matched: int
    box: float
    score: float
    alone: int

    def __str__(self) -> str:
        return (
            f'{self.matched} boxes agree: largest difference {self.box:.2g} px, score {self.score:.2g}; '
            f'{self.alone} without a partner'
        )


def difference(wanted: Sequence[Result], found: Sequence[Result], far: float = 1.0) -> Difference:
    """Compare results of the same images, class by class.

    Boxes are partners whose corners lie within ``far`` pixels, each of ``wanted`` with the nearest that is free.
    """
    parts = [_of_class(*pair, far) for image in zip(wanted, found, strict=True) for pair in zip(*image, strict=True)]
    matched, box, score, alone = (list(column) for column in zip(*parts, strict=True))
    return Difference(sum(matched), max(box), max(score), sum(alone))


def _of_class(wanted: np.ndarray, found: np.ndarray, far: float) -> Difference:
    table = _distances(wanted, found)
    pairs = []
    for i in range(len(wanted)):
        j = int(table[i].argmin()) if table.shape[1] else -1
        if j >= 0 and table[i, j] <= far:
            pairs.append((table[i, j], abs(wanted[i, 5] - found[j, 5])))
            table[:, j] = np.inf
    box, score = np.max(pairs, axis=0) if pairs else (0.0, 0.0)
    return Difference(len(pairs), float(box), float(score), len(wanted) + len(found) - 2 * len(pairs))


def _distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Largest distances (n, m) of the corners of boxes, whichever corner comes first."""
    one, two = (obb2poly(boxes[:, :5].astype(np.float64)).reshape(-1, 4, 2) for boxes in (first, second))
    turns: Any = [np.linalg.norm(one[:, None] - np.roll(two, k, 1)[None], axis=-1).max(-1) for k in range(4)]
    return np.min(turns, axis=0)
