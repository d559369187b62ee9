"""Sides of anchors that suit boxes: positions and angles left aside, as if all boxes lay on one centre."""

from collections.abc import Callable

import torch
from torch import Tensor

from mmrotate.utils.errors import ArgumentError

Progress = Callable[[int, float], None]  # gets the number of the step and the mean overlap so far
_DIFFERENCE, _CROSSING = 0.6, 0.7  # weight of a difference, and share of the numbers that a child takes from it


def side_ious(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Overlaps (n, k) of sides (n, 2) and (k, 2), pixels: rectangles on one centre under one angle."""
    common = torch.minimum(boxes[:, None], anchors).prod(-1)
    return common / (boxes.prod(-1)[:, None] + anchors.prod(-1) - common)


def mean_best_iou(boxes: Tensor, anchors: Tensor) -> float:
    """Mean over the boxes (n, 2) of the overlap with the best of the anchors (k, 2)."""
    return side_ious(boxes, anchors).max(dim=1).values.mean().item()


def fit_by_k_means(boxes: Tensor, count: int, steps: int, random: torch.Generator, told: Progress) -> Tensor:
    """``count`` anchors (k, 2): means of the boxes that each overlaps most, until nothing changes or after ``steps``.

    The best of all steps is given. Boxes (n, 2) must be at least as many as anchors.
    """
    _check(boxes, count)
    anchors = boxes[torch.randperm(len(boxes), generator=random)[:count].to(boxes.device)]
    best, best_value, before = anchors, mean_best_iou(boxes, anchors), None
    for step in range(1, steps + 1):
        nearest = side_ious(boxes, anchors).argmax(dim=1)
        if before is not None and torch.equal(nearest, before):
            break
        members = [boxes[nearest == i] for i in range(count)]
        # an anchor that no box is nearest to stays where it is
        anchors = torch.stack([m.mean(0) if len(m) else a for m, a in zip(members, anchors, strict=True)])
        before, value = nearest, mean_best_iou(boxes, anchors)
        if value > best_value:
            best, best_value = anchors, value
        told(step, best_value)
    return _by_area(best)


def fit_by_evolution(boxes: Tensor, count: int, steps: int, random: torch.Generator, told: Progress) -> Tensor:
    """``count`` anchors (k, 2) by differential evolution: the best of a population after ``steps`` generations.

    Each child is the best one so far plus a difference of two others, mixed with its parent, and takes the parent's
    place if it overlaps the boxes (n, 2) more. Boxes must be at least as many as anchors.
    """
    _check(boxes, count)
    low, high = boxes.min(), boxes.max()
    size = max(4 * count, 16)
    picked = torch.randint(len(boxes), (size, count), generator=random)
    people = boxes[picked.to(boxes.device)]
    values = torch.tensor([mean_best_iou(boxes, anchors) for anchors in people])
    for step in range(1, steps + 1):
        first, second = (people[torch.randperm(size, generator=random).to(boxes.device)] for _ in range(2))
        children = people[int(values.argmax())] + _DIFFERENCE * (first - second)
        crossed = (torch.rand(people.shape, generator=random) < _CROSSING).to(boxes.device)
        children = torch.where(crossed, children, people).clamp(low, high)
        for i, child in enumerate(children):
            if (value := mean_best_iou(boxes, child)) > values[i]:
                people[i], values[i] = child, value
        told(step, values.max().item())
    return _by_area(people[int(values.argmax())])


def _check(boxes: Tensor, count: int) -> None:
    if len(boxes) < count:
        raise ArgumentError(f'{count} anchors need at least as many boxes, got {len(boxes)}')


def _by_area(anchors: Tensor) -> Tensor:
    return anchors[anchors.prod(-1).argsort()]
