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
from .submission import Results


class _Joined(Dataset):
    """Datasets one after the other, with the classes and colours of the first."""

    def __init__(self, parts: Sequence[RotatedDataset]) -> None:
        self._parts = list(parts)
        self._ends = list(itertools.accumulate(map(len, parts)))
        self.CLASSES, self.PALETTE = parts[0].CLASSES, parts[0].PALETTE

    def __len__(self) -> int:
        return self._ends[-1]

    def _locate(self, index: int) -> tuple[RotatedDataset, int]:
        if not -len(self) <= index < len(self):
            raise IndexError(f'index {index} in a dataset of {len(self)}')
        index %= len(self)
        which = bisect.bisect_right(self._ends, index)
        return self._parts[which], index - (self._ends[which - 1] if which else 0)

    def __getitem__(self, index: int) -> dict:
        dataset, inner = self._locate(index)
        return dataset[inner]

    def get_ann_info(self, index: int) -> dict[str, np.ndarray]:
        """Annotation of image ``index``."""
        dataset, inner = self._locate(index)
        return dataset.get_ann_info(inner)

    def get_cat_ids(self, index: int) -> list[int]:
        """Label of every object of image ``index``."""
        dataset, inner = self._locate(index)
        return dataset.get_cat_ids(inner)


@DATASETS.register_module()
class ConcatDataset(_Joined):
    """Datasets of the same classes, one after the other.

    With ``separate_eval`` each is evaluated by itself (keys '0_mAP', '1_mAP', ...), else all as one.
    """

    def __init__(self, datasets: Sequence[RotatedDataset], separate_eval: bool = True) -> None:
        if not datasets:
            raise ValueError('ConcatDataset needs at least one dataset')
        classes = [dataset.CLASSES for dataset in datasets]
        if any(names != classes[0] for names in classes):
            raise ValueError(f'ConcatDataset needs datasets of the same classes, got {classes}')
        super().__init__(datasets)
        self.separate_eval, self.version = separate_eval, datasets[0].version

    @property
    def datasets(self) -> list[RotatedDataset]:
        """The datasets in their order."""
        return self._parts

    def evaluate(self, results: Results, **kwargs: Any) -> dict[str, float]:
        """Score detections; see :meth:`RotatedDataset.evaluate` for ``kwargs``."""
        if len(results) != len(self):
            raise ValueError(f'{len(results)} results for {len(self)} images')
        if not self.separate_eval:
            annotations = [self.get_ann_info(i) for i in range(len(self))]
            return evaluate_map(results, annotations, self.CLASSES, **kwargs)
        scores = {}
        for i, (dataset, end) in enumerate(zip(self.datasets, self._ends, strict=True)):
            part = dataset.evaluate(results[end - len(dataset) : end], **kwargs)
            scores.update({f'{i}_{key}': value for key, value in part.items()})
        return scores

    def score_names(self, **kwargs: Any) -> list[str]:
        """Keys of what :meth:`evaluate` gives; see :meth:`RotatedDataset.score_names`."""
        if not self.separate_eval:
            return self.datasets[0].score_names(**kwargs)
        return [f'{i}_{key}' for i, dataset in enumerate(self.datasets) for key in dataset.score_names(**kwargs)]


@DATASETS.register_module()
class RepeatDataset(_Joined):
    """A dataset, ``times`` times: longer epochs, with fewer restarts of the workers."""

    def __init__(self, dataset: RotatedDataset, times: int) -> None:
        if times < 1 or len(dataset) == 0:
            raise ValueError(f'cannot repeat a dataset of {len(dataset)} images {times} times')
        super().__init__([dataset] * times)
        self.times = times

    @property
    def dataset(self) -> RotatedDataset:
        """The dataset that is repeated."""
        return self._parts[0]
