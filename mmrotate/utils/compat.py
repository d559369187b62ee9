"""Older spellings of a config, and settings of a process, under the names of 0.x."""

import copy
import os
import warnings
from typing import Any, TypeAlias

from mmengine.config import Config, ConfigDict
from mmengine.utils.dl_utils import set_multi_processing

from mmrotate.utils.errors import ArgumentError

Settings: TypeAlias = Config | ConfigDict
_RUNNERS = {'total_epochs': ('EpochBasedRunner', 'max_epochs'), 'total_iters': ('IterBasedRunner', 'max_iters')}
_LOADER_RENAMED = {'batch_size': 'samples_per_gpu', 'num_workers': 'workers_per_gpu'}


def compat_cfg(cfg: Settings) -> Settings:
    """A copy of ``cfg`` where the older keys stand under their later names.

    ``total_epochs`` (``total_iters``) becomes ``runner``, ``data.imgs_per_gpu`` becomes ``data.samples_per_gpu``, and
    the loader settings in ``data`` go into ``data.train_dataloader`` and so on.

    Raises:
        ArgumentError: Two spellings of one setting contradict each other.
    """
    cfg = compat_imgs_per_gpu(cfg)
    (cfg.get('data') or {}).pop('imgs_per_gpu', None)
    return compat_runner_args(compat_loader_args(cfg))


def compat_runner_args(cfg: Settings) -> Settings:
    """A copy of ``cfg`` with ``runner`` for its ``total_epochs`` or ``total_iters``; a warning says so.

    Raises:
        ArgumentError: ``runner`` says another length.
    """
    cfg = copy.deepcopy(cfg)
    for old, (kind, new) in _RUNNERS.items():
        length, runner = cfg.get(old), cfg.get('runner')
        if length and not runner:
            warnings.warn(f'{old} is old: write runner=dict(type={kind!r}, {new}={length})', UserWarning, stacklevel=2)
            cfg.runner = ConfigDict(type=kind, **{new: length})
        elif length and runner.get(new) != length:
            raise ArgumentError(f'{old}={length} contradicts runner={dict(runner)}: leave one of them')
    return cfg


def compat_imgs_per_gpu(cfg: Settings) -> Settings:
    """A copy of ``cfg`` whose ``data.imgs_per_gpu`` is its ``data.samples_per_gpu``: it wins, and a warning says so."""
    cfg = copy.deepcopy(cfg)
    data = cfg.get('data') or {}
    if 'imgs_per_gpu' in data:
        images, samples = data['imgs_per_gpu'], data.get('samples_per_gpu')
        beside = f' and wins over samples_per_gpu={samples}' if samples not in (None, images) else ''
        text = f'data.imgs_per_gpu={images} is old{beside}: write samples_per_gpu={images}'
        warnings.warn(text, UserWarning, stacklevel=2)
        data['samples_per_gpu'] = images
    return cfg


def compat_loader_args(cfg: Settings) -> Settings:
    """A copy of ``cfg`` whose loader settings stand in ``data.train_dataloader`` and those of ``val`` and ``test``.

    They come from ``data`` itself and, for validation and testing, from the data set's ``samples_per_gpu``. A number
    of workers in a loader wins over that in ``data``, which is for all loaders.

    Raises:
        ArgumentError: Another setting stands in a loader and outside of it.
    """
    cfg = copy.deepcopy(cfg)
    if not cfg.get('data'):
        return cfg
    data, loaders = cfg.data, {}
    for split in ('train', 'val', 'test'):
        given = data.get(f'{split}_dataloader') or {}
        loaders[split] = ConfigDict({_LOADER_RENAMED.get(key, key): value for key, value in given.items()})
    for key in ('samples_per_gpu', 'persistent_workers'):
        if key in data:
            _put(loaders['train'], key, data.pop(key), 'train')
    for split in ('val', 'test'):
        parts = data.get(split) or []
        parts = parts if isinstance(parts, list | tuple) else [parts]
        if sizes := [part.pop('samples_per_gpu') for part in parts if 'samples_per_gpu' in part]:
            _put(loaders[split], 'samples_per_gpu', max(sizes), split)
    if 'workers_per_gpu' in data:
        workers = data.pop('workers_per_gpu')
        for loader in loaders.values():
            loader.setdefault('workers_per_gpu', workers)
    for split, loader in loaders.items():
        data[f'{split}_dataloader'] = loader
    return cfg


def _put(loader: dict, key: str, value: Any, split: str) -> None:
    if key in loader:
        raise ArgumentError(f'{key} stands in data.{split}_dataloader and outside of it: leave one of them')
    loader[key] = value


def setup_multi_processes(cfg: Settings) -> None:
    """Set how workers start (``mp_start_method``) and OpenCV's threads, for this process.

    If more than one worker loads the data, ``OMP_NUM_THREADS`` and ``MKL_NUM_THREADS`` become 1 where they are unset,
    so that the workers do not crowd the processor.
    """
    options: dict[str, Any] = {key: cfg[key] for key in ('mp_start_method', 'opencv_num_threads') if key in cfg}
    data = cfg.get('data') or {}
    places = [data, *(data.get(f'{split}_dataloader') or {} for split in ('train', 'val', 'test'))]
    if any(place.get('workers_per_gpu', 1) > 1 for place in places):
        for name in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS'):
            os.environ.setdefault(name, '1')
    set_multi_processing(**options, distributed=cfg.get('launcher', 'none') != 'none')
