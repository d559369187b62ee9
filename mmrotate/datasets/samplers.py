"""Orders in which a data loader takes the images of a dataset."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from mmrotate.utils.errors import ArgumentError


class ClassAwareSampler(Sampler):
    """Draws every class equally often (Shen et al., Relay Backpropagation, ECCV 2016).

    The classes that have images take turns in a random order, and so do the images of each class; an epoch has as many
    images as the dataset. The order follows from ``seed`` and the epoch.

    Args:
        dataset: a dataset with ``get_cat2imgs()``.
        num_sample_class: images that a class gives at its turn.
        shuffle: only True.
        seed: the same in all processes. None: drawn, and shared by them.
    """

    def __init__(self, dataset: Any, num_sample_class: int = 1, shuffle: bool = True, seed: int | None = None) -> None:
        if not isinstance(num_sample_class, int) or num_sample_class < 1:
            raise ArgumentError(f'num_sample_class must be a whole number above 0, got {num_sample_class!r}')
        if not shuffle:
            raise ArgumentError('class_aware_sampler draws images at random: shuffle=False cannot be obeyed')
        self.images = [images for images in dataset.get_cat2imgs().values() if images]
        if not self.images:
            raise ArgumentError('class_aware_sampler: no image of the dataset has an object')
        self.rank, self.world_size = get_dist_info()
        self.total_size = len(dataset)
        self.num_sample_class, self.epoch = num_sample_class, 0
        self.seed = sync_random_seed() if seed is None else seed

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator()
        generator.manual_seed(self.seed + self.epoch)
        classes = _cycle(list(range(len(self.images))), generator)
        cycles = [_cycle(images, generator) for images in self.images]
        drawn: list[int] = []
        while len(drawn) < len(self) * self.world_size:
            chosen = cycles[next(classes)]
            drawn += [next(chosen) for _ in range(self.num_sample_class)]
        return iter(drawn[self.rank : len(self) * self.world_size : self.world_size])

    def __len__(self) -> int:
        return math.ceil(self.total_size / self.world_size)

    def set_epoch(self, epoch: int) -> None:
        """The epoch that the order follows from."""
        self.epoch = epoch


def _cycle(items: list[int], generator: torch.Generator) -> Iterator[int]:
    """The items in a random order, without an end: in another order each time round."""
    while True:
        for i in torch.randperm(len(items), generator=generator).tolist():
            yield items[i]
