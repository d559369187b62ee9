"""What greedy suppression shares, whatever the shape of the boxes."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from .backend import bare, call, check_boxes

_TILE = 512
# boxes that a tile is held against at once
_ROWS = 32_768


def check(dets: Tensor, scores: Tensor, labels: Tensor | None, threshold: float, columns: int = 5) -> None:
    """Raise ValueError unless dets (n, columns), scores (n,) and labels (n,) fit each other."""
    check_boxes('dets', dets, columns)
    if not threshold >= 0:
        raise ValueError(f'iou_threshold must be in [0, 1], got {threshold}')
    for name, values in (('scores', scores), ('labels', labels)):
        if values is not None and values.shape != dets.shape[:1]:
            raise ValueError(f'{name} must have shape ({len(dets)},), got {tuple(values.shape)}')


def suppress(
    operation: Callable[..., Tensor],
    dets: Tensor,
    scores: Tensor,
    labels: Tensor | None,
    threshold: float,
    *flags: bool,
) -> tuple[Tensor, Tensor]:
    """Kept boxes with their scores, best first, and their indices; of equal scores the first goes first.

    ``operation`` finds the indices (k,) among boxes, and their labels, in falling order of score.
    """
    order = scores.sort(descending=True, stable=True).indices
    boxes = bare(dets)[0][order]
    keep = order[operation(boxes, None if labels is None else labels[order].long(), float(threshold), *flags)]
    return with_scores(dets, scores, keep), keep


def unknown_count(boxes: Tensor, *args: object) -> Tensor:
    """Indices (k,) without values, of nobody knows how many boxes."""
    return boxes.new_empty(torch.library.get_ctx().new_dynamic_size(), dtype=torch.int64)


def in_cpp(name: str, boxes: Tensor, labels: Tensor | None, *settings: float) -> Tensor:
    """Mask (n,) of the boxes to keep, of boxes in falling order of score, by a C++ function."""
    keep = boxes.new_empty(len(boxes), dtype=torch.bool)
    call(name, boxes.dtype, boxes, labels, len(boxes), *settings, keep)
    return keep


def with_scores(dets: Tensor, scores: Tensor, index: Tensor) -> Tensor:
    """Boxes (k, columns + 1) at ``index`` (k,), their scores in the last column."""
    return torch.cat([dets[index], scores[index, None].to(dets.dtype)], 1)


def in_tiles(boxes: Tensor, labels: Tensor | None, threshold: float, iou: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Mask (n,) of the boxes to keep, of boxes in falling order of score, in plain PyTorch.

    A tile is decided, then clears what follows.
    """

    def hits(rows: Tensor, cols: Tensor) -> Tensor:
        found = iou(boxes[rows], boxes[cols]) > threshold
        return found if labels is None else found & (labels[rows][:, None] == labels[cols])

    keep = boxes.new_ones(len(boxes), dtype=torch.bool)
    for start in range(0, len(boxes), _TILE):
        tile = torch.arange(start, min(start + _TILE, len(boxes)), device=boxes.device)
        tile = tile[keep[tile]]
        alive = np.ones(len(tile), dtype=bool)
        for k, row in enumerate(hits(tile, tile).triu(1).cpu().numpy()):
            if alive[k]:
                alive &= ~row
        keep[tile] = torch.from_numpy(alive).to(keep.device)
        tile = tile[keep[tile]]
        rest = keep.nonzero().squeeze(1)
        rest = rest[rest >= start + _TILE]
        for rows in rest.split(_ROWS):
            keep[rows[hits(rows, tile).any(1)]] = False
    return keep
