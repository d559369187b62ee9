"""An exported detector against PyTorch, on images."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from mmrotate.apis.inference import ModelSight
from mmrotate.core import obb2poly

Result = Sequence[np.ndarray]
# corners of partners lie so near, in pixels
FAR = 1.0
# how often PyTorch is asked again where boxes have no partner
TRIES = 6


class Difference(NamedTuple):
    """Of two lists of results: matched pairs, and those that have no partner.

    ``box`` is the largest distance of two corners in pixels, ``score`` the largest difference of scores, and ``ties``
    are those of the lone boxes that come or go in PyTorch, too, when the image changes in its last bits: a proposal
    whose angle lies where half a turn ends, an overlap as large as the threshold, a score as low as the lowest.
    """

    matched: int
    box: float
    score: float
    alone: int
    ties: int = 0

    def __str__(self) -> str:
        ties = f', {self.ties} of them near ties, which rounding decides in PyTorch too' if self.ties else ''
        return (
            f'{self.matched} boxes agree: largest difference {self.box:.2g} px, score {self.score:.2g}; '
            f'{self.alone} without a partner{ties}'
        )


def difference(
    wanted: Sequence[Result], found: Sequence[Result], again: Callable[[int], Result] | None = None
) -> Difference:
    """Compare results of the same images, class by class.

    Boxes are partners whose corners lie within a pixel, each of ``wanted`` with the one that is free and nearest in
    place and score. ``again`` gives another of PyTorch's results for an image of this number, whose last bits were
    changed; it is asked where a box has no partner.
    """
    total = Difference(0, 0.0, 0.0, 0)
    for number, image in enumerate(zip(wanted, found, strict=True)):
        parts = [_of_class(*pair) for pair in zip(*image, strict=True)]
        if again is not None and any(part.alone for part in parts):
            tries = zip(*(again(number) for _ in range(TRIES)), strict=True)
            parts = [
                part._replace(ties=_ties(*pair, others))
                for part, pair, others in zip(parts, zip(*image, strict=True), tries, strict=True)
            ]
        for part in parts:
            total = Difference(
                total.matched + part.matched,
                max(total.box, part.box),
                max(total.score, part.score),
                total.alone + part.alone,
                total.ties + part.ties,
            )
    return total


def shaken_result(model: Any, image: Any, share: float = 1e-6) -> Result:
    """Result of an image for :func:`inference_detector`, each value of which changes by about such a part of it."""
    sight = ModelSight(model)
    sample = sight.prepare(image)
    sample['img'] = [pixels * (1 + share * torch.randn_like(pixels)) for pixels in sample['img']]
    return sight.detect([sample])[0]


def _pairs(wanted: np.ndarray, found: np.ndarray) -> list[tuple[int, int, float]]:
    """Indices and distance of partners."""
    distances = _distances(wanted, found)
    # scores tell apart boxes that coincide
    table = np.where(distances <= FAR, distances + abs(wanted[:, None, 5] - found[:, 5]), np.inf)
    pairs = []
    for i in range(len(wanted) if table.shape[1] else 0):
        j = int(table[i].argmin())
        if table[i, j] < np.inf:
            pairs.append((i, j, float(distances[i, j])))
            table[:, j] = np.inf
    return pairs


def _of_class(wanted: np.ndarray, found: np.ndarray) -> Difference:
    pairs = _pairs(wanted, found)
    box = max((distance for *_, distance in pairs), default=0.0)
    score = max((float(abs(wanted[i, 5] - found[j, 5])) for i, j, _ in pairs), default=0.0)
    return Difference(len(pairs), box, score, len(wanted) + len(found) - 2 * len(pairs))


def _ties(wanted: np.ndarray, found: np.ndarray, tries: Sequence[np.ndarray]) -> int:
    """How many of the boxes without a partner come or go among other results of PyTorch."""
    pairs = _pairs(wanted, found)
    gone = np.delete(wanted, [i for i, *_ in pairs], 0)
    come = np.delete(found, [j for _, j, _ in pairs], 0)
    return sum(
        int(np.any([_has(other, box) != expected for other in tries]))
        for boxes, expected in ((gone, True), (come, False))
        for box in boxes
    )


def _has(boxes: np.ndarray, box: np.ndarray) -> bool:
    return bool((_distances(boxes, box[None]) <= FAR).any())


def _distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Largest distances (n, m) of the corners of boxes, whichever corner comes first."""
    one, two = (obb2poly(boxes[:, :5].astype(np.float64)).reshape(-1, 4, 2) for boxes in (first, second))
    turns: Any = [np.linalg.norm(one[:, None] - np.roll(two, k, 1)[None], axis=-1).max(-1) for k in range(4)]
    return np.min(turns, axis=0)
