"""Datasets and data loaders from configs."""

import random
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from mmengine.dataset import DefaultSampler, InfiniteSampler
from torch.utils.data import DataLoader, Dataset, Sampler

from mmrotate.registry import DATASETS, ROTATED_DATASETS, ROTATED_PIPELINES
from mmrotate.utils.arguments import check_arguments
from mmrotate.utils.errors import ArgumentError

from .checked_build import build_checked
from .pipelines.formatting import BATCH_PAD
from .samplers import ClassAwareSampler
from .wrappers import ConcatDataset

__all__ = ['ROTATED_DATASETS', 'ROTATED_PIPELINES', 'build_dataloader', 'build_dataset', 'collate', 'worker_init_fn']

_PER_FILE = ('img_prefix', 'seg_prefix', 'proposal_file')  # lists of them go with a list of ann_file
_RUNNERS = ('EpochBasedRunner', 'IterBasedRunner')


def build_dataset(cfg: dict | Sequence[dict], default_args: dict | None = None) -> Any:
    """Dataset of a config.

    A list of configs, and a config whose ``ann_file`` is a list, are joined to a ConcatDataset. Wrappers
    (RepeatDataset, ConcatDataset, ...) have the wrapped config under ``dataset``/``datasets``. ``default_args`` are
    arguments for every dataset that is no wrapper, where its config has none.

    Raises:
        TypeError, KeyError: an unknown type or argument; the message lists the known ones.
    """
    if isinstance(cfg, (list, tuple)):
        return ConcatDataset([build_dataset(one, default_args) for one in cfg])
    if not isinstance(cfg, dict):
        raise TypeError(f'a dataset is a config dict or a list of them, got {cfg!r}')
    cfg = dict(cfg)
    if isinstance(cfg.get('ann_file'), (list, tuple)):
        separate = cfg.pop('separate_eval', True)
        return ConcatDataset([build_dataset(part, default_args) for part in _split(cfg)], separate)
    if 'datasets' in cfg:
        cfg['datasets'] = [build_dataset(one, default_args) for one in cfg['datasets']]
    elif 'dataset' in cfg:
        cfg['dataset'] = build_dataset(cfg['dataset'], default_args)
    else:
        cfg = {**(default_args or {}), **cfg}
    return build_checked(DATASETS, cfg, f'dataset {cfg.get("type")!r}')


def _split(cfg: dict) -> list[dict]:
    """One config for each of the annotation files, with what of ``_PER_FILE`` is a list too."""
    count = len(cfg['ann_file'])
    lists = {key: cfg[key] for key in ('ann_file', *_PER_FILE) if isinstance(cfg.get(key), (list, tuple))}
    for key, values in lists.items():
        if len(values) != count:
            raise ArgumentError(f'{count} ann_file entries, but {len(values)} of {key}')
    return [{**cfg, **{key: values[i] for key, values in lists.items()}} for i in range(count)]


def build_dataloader(
    dataset: Dataset,
    samples_per_gpu: int,
    workers_per_gpu: int,
    num_gpus: int = 1,
    dist: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    runner_type: str = 'EpochBasedRunner',
    persistent_workers: bool = False,
    class_aware_sampler: dict | None = None,
    **kwargs: Any,
) -> DataLoader:
    """Data loader with a sampler that shares the images out among the processes.

    What the augmentations of the workers draw follows from torch's seed at the moment when the iterator of the loader
    is made. ``persistent_workers`` are seeded only once, so a run that is resumed with them draws other augmentations
    than the unbroken one.

    Args:
        dataset: the dataset.
        samples_per_gpu: images of a batch, per device.
        workers_per_gpu: worker processes, per device; 0 loads in the main process.
        num_gpus: devices that one process feeds (only without ``dist``).
        dist: several processes share the dataset out; without it each loads all of it.
        shuffle: draw the images in random order.
        seed: of the order; the same in all processes. None: drawn, and shared by the processes.
        runner_type: 'EpochBasedRunner', or 'IterBasedRunner' for a sampler without an end.
        persistent_workers: keep the workers between epochs.
        class_aware_sampler: arguments of :class:`mmrotate.datasets.samplers.ClassAwareSampler`, e.g.
            ``dict(num_sample_class=1)``; None: every image once an epoch.
        kwargs: further arguments of :class:`torch.utils.data.DataLoader`.
    """
    if runner_type not in _RUNNERS:
        raise ArgumentError(f'runner_type must be one of {_RUNNERS}, got {runner_type!r}')
    per_process = 1 if dist else num_gpus
    workers = per_process * workers_per_gpu
    options: dict[str, Any] = dict(
        sampler=_sampler(dataset, runner_type, dist, class_aware_sampler, shuffle=shuffle, seed=seed),
        batch_size=per_process * samples_per_gpu,
        num_workers=workers,
        collate_fn=collate,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=worker_init_fn if workers else None,
        persistent_workers=persistent_workers and workers > 0,
    )
    check_arguments(DataLoader, {'dataset', *options, *kwargs}, 'build_dataloader')
    if not torch.cuda.is_available():
        kwargs.pop('pin_memory', None)
    return DataLoader(dataset, **{**options, **kwargs})


def _sampler(dataset: Any, runner_type: str, dist: bool, class_aware: dict | None, **kwargs: Any) -> Sampler:
    infinite = runner_type == 'IterBasedRunner'
    sampler: Any
    if class_aware is not None:
        if infinite:
            raise ArgumentError('class_aware_sampler counts epochs: it goes with runner_type EpochBasedRunner only')
        check_arguments(ClassAwareSampler, {'dataset', *kwargs, *class_aware}, 'class_aware_sampler')
        sampler = ClassAwareSampler(dataset, **{**kwargs, **class_aware})
    elif infinite:
        sampler = InfiniteSampler(dataset, **kwargs)
    else:  # the shares of several processes must be of one length
        sampler = DefaultSampler(dataset, round_up=dist, **kwargs)
    if not dist:  # the caller's processes do not share: each has all of the dataset it gave
        sampler.rank, sampler.world_size = 0, 1
        sampler.num_samples = sampler.total_size = len(dataset)
    return sampler


def worker_init_fn(worker_id: int) -> None:
    """Seed a worker's generators from torch's seed of the worker, and keep OpenCV to one thread."""
    seed = torch.initial_seed() % 2**32
    random.seed(seed)
    np.random.seed(seed)
    cv2.setNumThreads(0)


def collate(samples: Sequence[dict], size_divisor: int = 1) -> dict[str, Any]:
    """Batch of the samples of a pipeline, without wrappers around the tensors.

    Train samples (``img`` a tensor): the images are padded at the right and bottom to the largest of the batch, with 0
    or the ``pad_val`` of DefaultFormatBundle, and stacked to (B, C, H, W), height and width multiples of
    ``size_divisor``; every other entry becomes a list of length B. Test samples (every entry a list with one item per
    augmentation) become, per augmentation, a batch of the same kind: ``img`` a list of (B, C, H, W), the rest lists of
    lists.

    Raises:
        ValueError: no samples, or samples that do not fit together.
    """
    if not samples:
        raise ValueError('cannot make a batch of no samples')
    keys = list(samples[0])
    for sample in samples[1:]:
        if set(sample) != set(keys):
            raise ValueError(f'the samples of a batch hold other keys: {keys}, {list(sample)}')
    if not isinstance(samples[0].get('img'), (list, tuple)):
        return _merge(samples, size_divisor)
    counts = {len(sample['img']) for sample in samples}
    if len(counts) > 1:
        raise ValueError(f'the samples of a batch have {sorted(counts)} augmentations')
    augmentations = [[{key: s[key][i] for key in keys} for s in samples] for i in range(*counts)]
    batches = [_merge(each, size_divisor) for each in augmentations]
    return {key: [batch[key] for batch in batches] for key in keys}


def _merge(samples: Sequence[dict], size_divisor: int) -> dict[str, Any]:
    """A batch of train samples."""
    batch: dict[str, Any] = {key: [sample[key] for sample in samples] for key in samples[0]}
    if 'img' not in batch:
        return batch
    images = batch['img']
    h, w = (-(-max(image.shape[axis] for image in images) // size_divisor) * size_divisor for axis in (-2, -1))
    values = [meta.get(BATCH_PAD, 0) for meta in batch.get('img_metas', [{}] * len(images))]
    padded = [
        F.pad(image, (0, w - image.shape[-1], 0, h - image.shape[-2]), value=value)
        for image, value in zip(images, values, strict=True)
    ]
    return {**batch, 'img': torch.stack(padded)}
