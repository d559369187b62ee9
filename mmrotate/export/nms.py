"""Non-maximum suppression as a graph of standard operators, of all images of a batch at once."""

import torch
from torch import Tensor
from torchvision.ops import nms

from mmrotate.ops.geometry import overlaps, touching


def greedy(hits: Tensor, alive: Tensor) -> Tensor:
    """Which boxes stay: those that are alive, and that no box that stays hits.

    Args:
        hits: (N, k, k), whether the box of the row, with a better score, would suppress that of the column.
        alive: (N, k).

    Whether the first box stays is known, then for the second, and so on: there is one answer, and it is where a
    repeated guess comes to rest. It takes as many steps as the longest chain of boxes that hit each other has links.
    """
    table = hits.float()

    def moving(_: Tensor, moved: Tensor) -> Tensor:
        return moved.clone()

    # in a row: the loop wants what it carries to lie alike in memory, which two unknown sides do not promise
    def step(keep: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        better = (alive & ((keep.view_as(alive).float()[:, None] @ table)[:, 0] < 0.5)).flatten()
        return better, (better != keep).any()

    start = ((alive & (table[:, 0] >= 0)).flatten(), torch.ones((), dtype=torch.bool, device=alive.device))
    if torch.compiler.is_exporting():
        return torch.while_loop(moving, step, start)[0].view_as(alive)
    while moving(*start):
        start = step(*start)
    return start[0].view_as(alive)


def rotated_nms(boxes: Tensor, labels: Tensor | None, alive: Tensor, threshold: float) -> Tensor:
    """Mask (N, k) of the boxes that stay, as of :func:`mmrotate.ops.nms_rotated`.

    Args:
        boxes: (N, k, 5) in falling order of score.
        labels: (N, k): boxes of different ones do not suppress each other. None: all do.
        alive: (N, k), False where there is no box.
        threshold: Overlap above which the box with the lower score goes.
    """
    close = touching(boxes[:, :, None], boxes[:, None]) & alive[:, :, None] & alive[:, None]
    if labels is not None:
        close = close & (labels[:, :, None] == labels[:, None])
    # few pairs are close: only their overlaps are computed
    image, first, second = close.triu(1).nonzero(as_tuple=True)
    found = overlaps(boxes[image, first], boxes[image, second], 'iou') > threshold
    hits = torch.zeros_like(close).index_put((image, first, second), found)
    return greedy(hits, alive)


def upright_nms(boxes: Tensor, scores: Tensor, alive: Tensor, threshold: float) -> Tensor:
    """Mask (N, k) of the horizontal boxes (N, k, 4), as corners, that stay; scores (N, k)."""
    count = boxes.size(1)
    # images side by side: none of the next touches one of this
    step = boxes.max() - boxes.min() + 1
    shift = torch.arange(boxes.size(0), device=boxes.device) * step
    flat = (boxes + shift[:, None, None]).flatten(0, 1)
    ranking = torch.where(alive, scores, -1).flatten()
    kept = nms(flat, ranking, threshold)
    stays = torch.zeros_like(ranking, dtype=torch.bool).index_put((kept,), torch.ones_like(kept, dtype=torch.bool))
    return stays.view(-1, count) & alive


def limit_each_class(keep: Tensor, labels: Tensor, most: int) -> Tensor:
    """Of the boxes that stay (N, k), in falling order of score, the first ``most`` of each label (N, k)."""
    same = (labels[:, :, None] == labels[:, None]) & keep[:, :, None]
    before = same.triu(1).sum(1)
    return keep & (before < most)
