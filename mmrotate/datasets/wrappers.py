"""Datasets made of datasets."""

import bisect
import copy
import functools
import itertools
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from mmrotate.registry import DATASETS
from mmrotate.utils import ArgumentError, UserError, get_root_logger

from .base import RotatedDataset, images_of_classes
from .submission import Results, make_folder

AnyDataset = Any  # a RotatedDataset or one of the wrappers here


class DatasetWrapper(Dataset):
    """A dataset whose images are those of others, with the classes and colours of the first of these."""

    def __init__(self, parts: Sequence[AnyDataset]) -> None:
        self._parts = list(parts)
        self.CLASSES, self.PALETTE = parts[0].CLASSES, parts[0].PALETTE
        self.version = parts[0].version

    def __len__(self) -> int:
        raise NotImplementedError

    def _place(self, index: int) -> tuple[int, int]:
        """Number of the part that holds image ``index``, and its index there."""
        raise NotImplementedError

    def _locate(self, index: int) -> tuple[int, int]:
        """:meth:`_place` of an index, which may count from the end."""
        if not -len(self) <= index < len(self):
            raise IndexError(f'index {index} in a dataset of {len(self)}')
        return self._place(index % len(self))

    def __getitem__(self, index: int) -> dict:
        which, inner = self._locate(index)
        return self._parts[which][inner]

    def get_ann_info(self, index: int) -> dict[str, np.ndarray]:
        """Annotation of image ``index``."""
        which, inner = self._locate(index)
        return self._parts[which].get_ann_info(inner)

    def get_cat_ids(self, index: int) -> list[int]:
        """Label of every object of image ``index``."""
        which, inner = self._locate(index)
        return self._parts[which].get_cat_ids(inner)

    def get_cat2imgs(self) -> dict[int, list[int]]:
        """Indices of the images that hold each class, by its label."""
        return images_of_classes(self)

    def image_path(self, index: int) -> str:
        """File of image ``index``."""
        which, inner = self._locate(index)
        return self._parts[which].image_path(inner)

    def _check_count(self, results: Results) -> None:
        if len(results) != len(self):
            raise ArgumentError(f'{len(results)} results for {len(self)} images')


@DATASETS.register_module()
class ConcatDataset(DatasetWrapper):
    """Datasets of the same classes, one after the other.

    With ``separate_eval`` each is evaluated by itself (keys '0_mAP', '1_mAP', ...), else all as one.
    """

    def __init__(self, datasets: Sequence[AnyDataset], separate_eval: bool = True) -> None:
        if not datasets:
            raise ArgumentError('ConcatDataset needs at least one dataset')
        for key in ('CLASSES', 'version'):
            values = [getattr(dataset, key) for dataset in datasets]
            if any(list(value) != list(values[0]) for value in values):
                raise ArgumentError(f'ConcatDataset needs datasets of the same {key.lower()}, got {values}')
        super().__init__(datasets)
        self._ends = list(itertools.accumulate(map(len, datasets)))
        self.separate_eval = separate_eval

    def __len__(self) -> int:
        return self._ends[-1]

    def _place(self, index: int) -> tuple[int, int]:
        which = bisect.bisect_right(self._ends, index)
        return which, index - (self._ends[which - 1] if which else 0)

    @property
    def datasets(self) -> list[AnyDataset]:
        """The datasets in their order."""
        return self._parts

    @property
    def leaves(self) -> list[RotatedDataset]:
        """The single datasets inside, in their order."""
        return [leaf for part in self._parts for leaf in part.leaves]

    def of_leaves(self, results: Results) -> list[tuple[RotatedDataset, Results]]:
        """Each of the :attr:`leaves` with its part of ``results``."""
        return [pair for part, share in self._shares(results) for pair in part.of_leaves(share)]

    def _shares(self, results: Results) -> list[tuple[AnyDataset, Results]]:
        self._check_count(results)
        return [(part, results[end - len(part) : end]) for part, end in zip(self._parts, self._ends, strict=True)]

    def image_name(self, index: int) -> str:
        """Name of image ``index`` in files of results: where two datasets share a name, 'NUMBER/NAME'."""
        which, inner = self._locate(index)
        name = self._parts[which].image_name(inner)
        return f'{which}/{name}' if self._names_collide else name

    @functools.cached_property
    def _names_collide(self) -> bool:
        names = Counter(name for part in self._parts for name in {part.image_name(i) for i in range(len(part))})
        return any(count > 1 for count in names.values())

    def evaluate(self, results: Results, **kwargs: Any) -> dict[str, float]:
        """Score detections; see :meth:`RotatedDataset.evaluate` for ``kwargs``."""
        if not self.separate_eval:
            for leaf in self.leaves:
                leaf.check_annotated()
            if len({(type(leaf).evaluate, str(leaf.IOU_THR)) for leaf in self.leaves}) > 1:
                names = [type(leaf).__name__ for leaf in self.leaves]
                raise UserError(f'{names} are not scored in the same way: separate_eval=True scores each by itself')
            whole, results = self._as_one(results)
            return whole.evaluate(results, **kwargs)
        scores = {}
        for i, (part, share) in enumerate(self._shares(results)):
            scores.update({f'{i}_{key}': value for key, value in part.evaluate(share, **kwargs).items()})
        return scores

    def check_submission(self, **options: Any) -> None:
        """Raise a SubmissionError if the files of one of the datasets could not be written."""
        for leaf in self.leaves:
            leaf.check_submission(**options)

    def format_results(self, results: Results, **options: Any) -> tuple[list[str], str]:
        """Write the files of a test server: one submission of all images.

        Where a name stands for images of several datasets, or these have other formats, each gets a folder of its own
        inside of ``submission_dir``: 0, 1, ... See :meth:`RotatedDataset.format_results`.
        """
        ids = [name for leaf in self.leaves for name in leaf.img_ids]
        formats = {type(leaf).format_results for leaf in self.leaves}
        if len(set(ids)) == len(ids) and len(formats) == 1:
            whole, results = self._as_one(results)
            return whole.format_results(results, **options)
        pairs = self.of_leaves(results)
        folder = make_folder(options.get('submission_dir'))
        written = []
        for i, (leaf, share) in enumerate(pairs):
            written += leaf.format_results(share, **{**options, 'submission_dir': str(folder / str(i))})[0]
        text = 'the joined test sets share names of images, or have formats of their own: a submission each, %s'
        get_root_logger().warning(text, ', '.join(str(folder / str(i)) for i in range(len(pairs))))
        return written, str(folder)

    def _as_one(self, results: Results) -> tuple[RotatedDataset, Results]:
        """A single dataset of all images, of the class of the first, and its results."""
        pairs = self.of_leaves(results)
        whole = copy.copy(pairs[0][0])
        whole.img_prefix = ''
        whole.data_infos = [
            {**info, 'filename': leaf.image_path(i)} for leaf, _ in pairs for i, info in enumerate(leaf.data_infos)
        ]
        whole.img_ids = [name for leaf, _ in pairs for name in leaf.img_ids]
        return whole, [result for _, share in pairs for result in share]

    def score_names(self, **kwargs: Any) -> list[str]:
        """Keys of what :meth:`evaluate` gives; see :meth:`RotatedDataset.score_names`."""
        if not self.separate_eval:
            return self.datasets[0].score_names(**kwargs)
        return [f'{i}_{key}' for i, dataset in enumerate(self.datasets) for key in dataset.score_names(**kwargs)]


class _Resampled(DatasetWrapper):
    """A dataset whose images come in another order, each once at least.

    Its results are those of the first time that an image comes: the others are of the same image.
    """

    def __init__(self, dataset: AnyDataset, indices: Sequence[int]) -> None:
        super().__init__([dataset])
        self.repeat_indices = indices

    def __len__(self) -> int:
        return len(self.repeat_indices)

    def _place(self, index: int) -> tuple[int, int]:
        return 0, self.repeat_indices[index]

    @property
    def dataset(self) -> AnyDataset:
        """The dataset inside."""
        return self._parts[0]

    @property
    def leaves(self) -> list[RotatedDataset]:
        """The single datasets inside."""
        return self.dataset.leaves

    def of_leaves(self, results: Results) -> list[tuple[RotatedDataset, Results]]:
        """Each of the :attr:`leaves` with its part of ``results``."""
        return self.dataset.of_leaves(self._first_of_each(results))

    def _first_of_each(self, results: Results) -> Results:
        self._check_count(results)
        first = {index: i for i, index in reversed(list(enumerate(self.repeat_indices)))}
        return [results[first[index]] for index in range(len(self.dataset))]

    def image_name(self, index: int) -> str:
        """Name of image ``index`` in files of results."""
        return self.dataset.image_name(self._locate(index)[1])

    def evaluate(self, results: Results, **kwargs: Any) -> dict[str, float]:
        """Score detections as the dataset does."""
        return self.dataset.evaluate(self._first_of_each(results), **kwargs)

    def score_names(self, **kwargs: Any) -> list[str]:
        """Keys of what :meth:`evaluate` gives; see :meth:`RotatedDataset.score_names`."""
        return self.dataset.score_names(**kwargs)

    def check_submission(self, **options: Any) -> None:
        """Raise a SubmissionError if :meth:`format_results` could not write its files."""
        self.dataset.check_submission(**options)

    def format_results(self, results: Results, **kwargs: Any) -> tuple[list[str], str]:
        """Write the files of a test server as the dataset does."""
        return self.dataset.format_results(self._first_of_each(results), **kwargs)


@DATASETS.register_module()
class RepeatDataset(_Resampled):
    """A dataset, ``times`` times: longer epochs, with fewer restarts of the workers."""

    def __init__(self, dataset: AnyDataset, times: int) -> None:
        if times < 1 or len(dataset) == 0:
            raise ArgumentError(f'cannot repeat a dataset of {len(dataset)} images {times} times')
        super().__init__(dataset, list(range(len(dataset))) * times)
        self.times = times


@DATASETS.register_module()
class ClassBalancedDataset(_Resampled):
    """A dataset whose images of rare classes come several times an epoch (Gupta et al., LVIS, CVPR 2019).

    A class in the share f of the images asks for max(1, sqrt(oversample_thr / f)) times, an image comes as often as
    the rarest of its classes asks for, rounded up.

    Args:
        dataset: the dataset, with ``get_cat_ids(index)``.
        oversample_thr: share of the images, above 0, below which a class is rare.
        filter_empty_gt: False: images without objects count as a class of their own; else they come once.
    """

    def __init__(self, dataset: AnyDataset, oversample_thr: float, filter_empty_gt: bool = True) -> None:
        if not oversample_thr > 0 or len(dataset) == 0:
            raise ArgumentError(
                f'oversample_thr must be above 0, and images are needed: {oversample_thr}, {len(dataset)}'
            )
        empty = set() if filter_empty_gt else {len(dataset.CLASSES)}
        classes = [set(dataset.get_cat_ids(i)) or empty for i in range(len(dataset))]
        counts = Counter(label for labels in classes for label in labels)
        asked = {label: math.sqrt(oversample_thr * len(dataset) / count) for label, count in counts.items()}
        self.repeat_factors = [max([1.0, *(asked[label] for label in labels)]) for labels in classes]
        times = map(math.ceil, self.repeat_factors)
        super().__init__(dataset, [i for i, count in enumerate(times) for _ in range(count)])
        self.oversample_thr, self.filter_empty_gt = oversample_thr, filter_empty_gt
        get_root_logger().info(f'ClassBalancedDataset: {len(dataset)} images come {len(self)} times an epoch')
