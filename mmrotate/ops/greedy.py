"""What greedy suppression shares, whatever the shape of the boxes."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from .backend import check_boxes, compute_dtype

_TILE = 512
# boxes that a tile is held against at once
_ROWS = 32_768


def check(dets: Tensor, columns: int, scores: Tensor, labels: Tensor | None, threshold: float) -> None:
    """Raise ValueError unless dets (n, columns), scores (n,) and labels (n,) fit each other."""
    check_boxes('dets', dets, columns)
    if not threshold >= 0:
        raise ValueError(f'iou_threshold must be in [0, 1], got {threshold}')
    for name, values in (('scores', scores), ('labels', labels)):
        if values is not None and values.shape != dets.shape[:1]:
            raise ValueError(f'{name} must have shape ({len(dets)},), got {tuple(values.shape)}')


def by_score(dets: Tensor, scores: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """The order (n,) of falling score, and boxes and labels in it; of equal scores first first."""
    order = scores.sort(descending=True, stable=True).indices
    boxes = dets.detach()[order].to(compute_dtype(dets))
    return order, boxes, None if labels is None else labels[order].long()


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
