"""Older spellings of a config, and settings of a process, under the names of 0.x."""

import copy
from typing import Any

from mmengine.config import Config
from mmengine.utils.dl_utils import set_multi_processing


def compat_cfg(cfg: Config) -> Config:
    """A copy of ``cfg`` where the older keys stand under their later names.

    ``total_epochs`` (``total_iters``) becomes ``runner``, ``data.imgs_per_gpu`` becomes ``data.samples_per_gpu``.
    """
    return compat_runner_args(compat_imgs_per_gpu(cfg))


def compat_runner_args(cfg: Config) -> Config:
    """A copy of ``cfg`` with ``runner`` for its ``total_epochs`` or ``total_iters``."""
    cfg = copy.deepcopy(cfg)
    if not cfg.get('runner') and cfg.get('total_epochs'):
        cfg.runner = dict(type='EpochBasedRunner', max_epochs=cfg.total_epochs)
    if not cfg.get('runner') and cfg.get('total_iters'):
        cfg.runner = dict(type='IterBasedRunner', max_iters=cfg.total_iters)
    return cfg


def compat_imgs_per_gpu(cfg: Config) -> Config:
    """A copy of ``cfg`` with ``data.samples_per_gpu`` for its ``data.imgs_per_gpu``."""
    cfg = copy.deepcopy(cfg)
    data = cfg.get('data') or {}
    if 'imgs_per_gpu' in data:
        data.setdefault('samples_per_gpu', data.pop('imgs_per_gpu'))
    return cfg


def compat_loader_args(cfg: Config) -> Config:
    """A copy of ``cfg`` whose loader settings stand in ``data.train_dataloader`` and those of ``val`` and ``test``.

    They come from ``data`` itself and, for validation and testing, from the data set's ``samples_per_gpu``.

    Raises:
        ValueError: One of them stands in both places.
    """
    cfg = copy.deepcopy(cfg)
    data = cfg.data
    loaders = {split: dict(data.get(f'{split}_dataloader') or {}) for split in ('train', 'val', 'test')}
    for key, splits in (
        ('samples_per_gpu', ['train']),
        ('persistent_workers', ['train']),
        ('workers_per_gpu', loaders),
    ):
        if key in data:
            value = data.pop(key)
            for split in splits:
                _put(loaders[split], key, value, split)
    for split in ('val', 'test'):
        parts = data.get(split) or []
        parts = parts if isinstance(parts, list | tuple) else [parts]
        if sizes := [part.pop('samples_per_gpu') for part in parts if 'samples_per_gpu' in part]:
            _put(loaders[split], 'samples_per_gpu', max(sizes), split)
    data.update({f'{split}_dataloader': loader for split, loader in loaders.items()})
    return cfg


def _put(loader: dict, key: str, value: Any, split: str) -> None:
    if key in loader:
        raise ValueError(f'{key} stands in data.{split}_dataloader and outside of it: leave one of them')
    loader[key] = value


def setup_multi_processes(cfg: Config) -> None:
    """Set how workers start (``mp_start_method``) and OpenCV's threads, for this process."""
    options: dict[str, Any] = {key: cfg[key] for key in ('mp_start_method', 'opencv_num_threads') if key in cfg}
    set_multi_processing(**options, distributed=cfg.get('launcher', 'none') != 'none')
