"""Which object each prior overlaps most, and whose best prior it is."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .backend import bare, call, operation, threads
from .checks import check_boxes, check_flag, check_number, check_tensor


def match_boxes(
    objects: Tensor,
    priors: Tensor,
    ignored: Tensor,
    counts: Sequence[tuple[int, int]] | None = None,
    least: float = 0.0,
    all_best: bool = True,
) -> tuple[Tensor, Tensor, Tensor]:
    """Match priors and objects of each image, without a table of their overlaps; in C++ on the CPU.

    Args:
        objects: (m, 4) as left, top, right, bottom in pixels, or rotated ones (m, 5) as x, y, w, h, theta; those of
            one image after those of another.
        priors: (n, 4) or (n, 5), likewise.
        ignored: Mask (n,) of priors that overlap nothing, by -1.
        counts: Objects and priors of each image; None for one image.
        least: Overlap from which an object has a best prior; it is above 0 too.
        all_best: All priors that reach an object's best overlap are its best, else the first.

    Returns:
        For each prior (n,): its best overlap; the first object with it, among all m; and 1 + the last object that it is
        the best prior of, 0 if it is no one's. Of an image without objects: 0, a number that says nothing, and 0.

    Raises:
        ValueError: a shape or type that makes no sense.
    """
    columns = 4 if objects.dim() == 2 and objects.size(1) == 4 else 5
    check_boxes('objects', objects, columns)
    check_boxes('priors', priors, columns)
    check_tensor('ignored', ignored, priors.shape[:1])
    check_number('least', least)
    check_flag('all_best', all_best)
    pairs = [(len(objects), len(priors))] if counts is None else counts
    many = torch.tensor(pairs, dtype=torch.int64).view(-1, 2).T.contiguous()
    if many.sum(1).tolist() != [len(objects), len(priors)]:
        raise ValueError(f'counts must be of {len(objects)} objects and {len(priors)} priors in all, got {counts}')
    return _op(*bare(objects, priors), ignored.bool(), many, float(least), bool(all_best))


def _unmatched(objects: Tensor, priors: Tensor, *args: object) -> tuple[Tensor, Tensor, Tensor]:
    best, owner = priors.new_empty(priors.size(0)), priors.new_empty(priors.size(0), dtype=torch.int64)
    return best, owner, torch.empty_like(owner)


@operation('match_boxes', _unmatched)
def _op(
    objects: Tensor, priors: Tensor, ignored: Tensor, counts: Tensor, least: float, all_best: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """``counts`` (2, N) are of objects and of priors."""
    out = _unmatched(objects, priors)
    name = 'match_upright' if objects.size(1) == 4 else 'match_rotated'
    sizes = (*counts, counts.size(1))
    call(name, priors.dtype, objects, priors, ignored, *sizes, least, all_best, threads(), *out)
    return out
