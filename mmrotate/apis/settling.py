"""Values that a config leaves open as 'auto', found before a training starts."""

from collections.abc import Sequence
from typing import Any

from mmengine.config import Config
from torch import nn

from mmrotate.utils import load_state

from .batch_size import fitting_batch
from .rate_finder import find_rate


def settle(model: nn.Module, datasets: Sequence[Any], cfg: Config, distributed: bool = False) -> None:
    """Put numbers into ``cfg`` where ``data.samples_per_gpu`` or ``optimizer.lr`` is 'auto'.

    A training that is resumed takes those that it began with, which its checkpoint holds; see :func:`settled`.
    """
    settle_batch(model, datasets, cfg)
    if (cfg.get('optimizer') or {}).get('lr') == 'auto':
        cfg.optimizer.lr = _former(cfg).get('lr') or find_rate(model, datasets, cfg, distributed).suggestion


def settle_batch(model: nn.Module, datasets: Sequence[Any], cfg: Config) -> None:
    """The part of :func:`settle` for ``data.samples_per_gpu``."""
    if cfg.data.get('samples_per_gpu') == 'auto':
        cfg.data.samples_per_gpu = _former(cfg).get('samples_per_gpu') or fitting_batch(model, datasets[0], cfg)


def settled(cfg: Config) -> dict[str, Any]:
    """What a checkpoint keeps of the values that may be left open."""
    return {'samples_per_gpu': cfg.data.get('samples_per_gpu'), 'lr': (cfg.get('optimizer') or {}).get('lr')}


def _former(cfg: Config) -> dict[str, Any]:
    """Those of the training that this one resumes; nothing without."""
    return load_state(cfg.resume_from)['meta'].get('settled') or {} if cfg.get('resume_from') else {}
