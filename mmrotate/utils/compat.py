"""Older spellings of a config, and settings of a process, under the names of 0.x."""

import copy
from typing import Any

from mmengine.config import Config
from mmengine.utils.dl_utils import set_multi_processing


def compat_cfg(cfg: Config) -> Config:
    """A copy of ``cfg`` where the older keys stand under their later names.

    ``total_epochs`` (``total_iters``) becomes ``runner``, ``data.imgs_per_gpu`` becomes ``data.samples_per_gpu``.
    """
    cfg = copy.deepcopy(cfg)
    if not cfg.get('runner') and cfg.get('total_epochs'):
        cfg.runner = dict(type='EpochBasedRunner', max_epochs=cfg.total_epochs)
    if not cfg.get('runner') and cfg.get('total_iters'):
        cfg.runner = dict(type='IterBasedRunner', max_iters=cfg.total_iters)
    data = cfg.get('data') or {}
    if 'imgs_per_gpu' in data:
        data.setdefault('samples_per_gpu', data.pop('imgs_per_gpu'))
    return cfg


def setup_multi_processes(cfg: Config) -> None:
    """Set how workers start (``mp_start_method``) and OpenCV's threads, for this process."""
    options: dict[str, Any] = {key: cfg[key] for key in ('mp_start_method', 'opencv_num_threads') if key in cfg}
    set_multi_processing(**options, distributed=cfg.get('launcher', 'none') != 'none')
