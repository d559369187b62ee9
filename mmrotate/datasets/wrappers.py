"""Datasets made of datasets."""

import bisect
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from mmrotate.registry import DATASETS

from .base import RotatedDataset
from .metrics import evaluate_map


class _Wrapper(Dataset):
    """A dataset whose images are those of others."""

    def _locate(self, index: int) -> tuple[RotatedDataset, int]:
        """The dataset that image ``index``, from 0 on, comes from, and its index there."""
        raise NotImplementedError

    def _image(self, index: int) -> tuple[RotatedDataset, int]:
        if not -len(self) <= index < len(self):
            raise IndexError(f'index {index} in a dataset of {len(self)}')
        return self._locate(index % len(self))

    def __len__(self) -> int:
        raise NotImplementedError

    def __getitem__(self, index: int) -> dict:
        dataset, inner = self._image(index)
        return dataset[inner]

    def get_ann_info(self, index: int) -> dict[str, np.ndarray]:
        """Annotation of image ``index``."""
        dataset, inner = self._image(index)
        return dataset.get_ann_info(inner)

    def get_cat_ids(self, index: int) -> list[int]:
        """Label of every object of image ``index``."""
        dataset, inner = self._image(index)
        return dataset.get_cat_ids(inner)


@DATASETS.register_module()
class ConcatDataset(_Wrapper):
    """Datasets of the same classes, one after the other.

    With ``separate_eval`` each is evaluated by itself (keys '0_mAP', '1_mAP', ...), else all as one.
    """

    def __init__(self, datasets: Sequence[RotatedDataset], separate_eval: bool = True) -> None:
        if not datasets:
            raise ValueError('ConcatDataset needs at least one dataset')
        classes = [dataset.CLASSES for dataset in datasets]
        if any(names != classes[0] for names in classes):
            raise ValueError(f'ConcatDataset needs datasets of the same classes, got {classes}')
        self.datasets = list(datasets)
        self.separate_eval = separate_eval
        self.CLASSES, self.PALETTE, self.version = datasets[0].CLASSES, datasets[0].PALETTE, datasets[0].version
        self.ends = list(itertools.accumulate(len(dataset) for dataset in datasets))

    def __len__(self) -> int:
        return self.ends[-1]

    def _locate(self, index: int) -> tuple[RotatedDataset, int]:
        which = bisect.bisect_right(self.ends, index)
        return self.datasets[which], index - (self.ends[which - 1] if which else 0)

    def evaluate(self, results: Sequence[Sequence[np.ndarray]], **kwargs: Any) -> dict[str, float]:
        """Score detections; see :meth:`RotatedDataset.evaluate` for ``kwargs``."""
        if len(results) != len(self):
            raise ValueError(f'{len(results)} results for {len(self)} images')
        if not self.separate_eval:
            annotations = [self.get_ann_info(i) for i in range(len(self))]
            return evaluate_map(results, annotations, self.CLASSES, **kwargs)
        scores = {}
        for i, (dataset, end) in enumerate(zip(self.datasets, self.ends, strict=True)):
            part = dataset.evaluate(results[end - len(dataset) : end], **kwargs)
            scores.update({f'{i}_{key}': value for key, value in part.items()})
        return scores


@DATASETS.register_module()
class RepeatDataset(_Wrapper):
    """A dataset, ``times`` times: longer epochs, with fewer restarts of the workers."""

    def __init__(self, dataset: RotatedDataset, times: int) -> None:
        if times < 1 or len(dataset) == 0:
            raise ValueError(f'cannot repeat a dataset of {len(dataset)} images {times} times')
        self.dataset, self.times = dataset, times
        self.CLASSES, self.PALETTE = dataset.CLASSES, dataset.PALETTE

    def __len__(self) -> int:
        return self.times * len(self.dataset)

    def _locate(self, index: int) -> tuple[RotatedDataset, int]:
        return self.dataset, index % len(self.dataset)
