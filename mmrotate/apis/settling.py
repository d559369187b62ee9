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

    A training that is resumed takes those that it began with.
    """
    settle_batch(model, datasets, cfg)
    if (cfg.get('optimizer') or {}).get('lr') == 'auto':
        former = (_former(cfg).get('optimizer') or {}).get('lr')
        cfg.optimizer.lr = former or find_rate(model, datasets, cfg, distributed).suggestion


def settle_batch(model: nn.Module, datasets: Sequence[Any], cfg: Config) -> None:
    """The part of :func:`settle` for ``data.samples_per_gpu``."""
    if cfg.data.get('samples_per_gpu') == 'auto':
        former = (_former(cfg).get('data') or {}).get('samples_per_gpu')
        cfg.data.samples_per_gpu = former or fitting_batch(model, datasets[0], cfg)


def _former(cfg: Config) -> Config:
    """The config of the training that this one resumes; an empty one without."""
    text = load_state(cfg.resume_from)['meta'].get('config') if cfg.get('resume_from') else None
    return Config.fromstring(text, '.py') if text else Config()
