"""A learning rate that suits a model, its data and its batch, found by a short training whose rate rises."""

import copy
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine.config import Config
from mmengine.hooks import Hook
from torch import nn

from mmrotate.analysis.tables import write_table
from mmrotate.engine import NonFiniteLossError, build_runner, rank_and_size
from mmrotate.utils import UserError, get_root_logger

STEPS, LOWEST, HIGHEST = 100, 1e-6, 1.0
_KEPT = 0.9  # of the mean of the losses so far, at each step
_WORSE = 4.0  # times the lowest loss: the training goes astray
_BEFORE = 10.0  # the suggestion is so much lower than the rate with the lowest loss
# keys that a search does without
_WITHOUT = (
    'evaluation', 'custom_hooks', 'resume_from', 'momentum_config', 'auto_scale_lr', 'patience', 'ema', 'compile',
)  # fmt: skip


class RateSearch(NamedTuple):
    """What was tried."""

    rates: list[float]  # rising
    losses: list[float]  # smoothed

    @property
    def suggestion(self) -> float:
        """A tenth of the rate at which the loss was lowest, with two digits: there it was still falling."""
        return float(f'{self.rates[int(np.argmin(self.losses))] / _BEFORE:.1e}')


class _RisingRate(Hook):
    """Sets the rate of every step, notes the loss, and ends when that goes up."""

    priority = 'VERY_HIGH'  # after the schedule

    def __init__(self, steps: int) -> None:
        self.all_rates = np.geomspace(LOWEST, HIGHEST, steps).tolist()
        self.found = RateSearch([], [])
        self._mean = 0.0

    def before_train_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        """Set the rate; groups keep their ratio."""
        for group in runner.optim_wrapper.param_groups:
            group['lr'] = self.all_rates[runner.iter] * group['initial_lr']

    def after_train_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        """Note the loss."""
        done = runner.iter + 1
        self._mean = _KEPT * self._mean + (1 - _KEPT) * float(runner.outputs['loss'])
        self.found.rates.append(self.all_rates[runner.iter])
        self.found.losses.append(self._mean / (1 - _KEPT**done))
        if done > 10 and self.found.losses[-1] > _WORSE * min(self.found.losses):
            runner.train_loop.stop_training = True


def find_rate(model: nn.Module, datasets: Sequence[Any], cfg: Config, distributed: bool = False) -> RateSearch:
    """Try learning rates from 1e-6 to 1 in 100 steps of a training; the model gets its weights back.

    ``find_lr.csv`` and ``find_lr.png`` in ``work_dir`` show what was tried.

    Raises:
        UserError: The losses of the first steps are not finite.
    """
    weights = copy.deepcopy(model.state_dict())
    hook = _RisingRate(STEPS)
    runner = build_runner(model, datasets[:1], _trial_of(cfg), distributed)
    runner.register_hook(hook)
    try:
        runner.train()
    except NonFiniteLossError:  # which is where such a search ends
        pass
    finally:
        model.load_state_dict(weights)
    found = hook.found
    if len(found.rates) < 2:
        raise UserError('no learning rate was found: the loss is not finite at the lowest one')
    text = 'learning rate: the loss was lowest near %.1e, so take %g'
    get_root_logger().info(text, found.suggestion * _BEFORE, found.suggestion)
    if rank_and_size()[0] == 0:
        _write(found, Path(cfg.work_dir))
    return found


def _trial_of(cfg: Config) -> Config:
    """The config of the search: a training that leaves nothing but its log."""
    trial = copy.deepcopy(cfg)
    trial.work_dir = str(Path(cfg.work_dir, 'find_lr'))
    trial.optimizer.lr = 1.0
    trial.runner = dict(type='IterBasedRunner', max_iters=STEPS)
    trial.checkpoint_config = dict(interval=-1, save_last=False)
    trial.lr_config, trial.workflow = dict(policy='fixed'), [('train', 1)]
    for key in _WITHOUT:
        trial[key] = None
    return trial


def _write(found: RateSearch, folder: Path) -> None:
    write_table(folder / 'find_lr.csv', ['learning rate', 'loss'], zip(*found, strict=True))
    figures = importlib.import_module('mmrotate.analysis.figures')  # it loads matplotlib
    figure, (axes,) = figures.new_axes(7, 4)
    axes.plot(*found, color='#4477aa')
    axes.axvline(found.suggestion, color='#ee6677', linestyle='--', label=f'suggested: {found.suggestion:g}')
    # where it goes astray the loss is too high to be shown
    limits = min(found.losses) * 0.9, found.losses[0] * 1.5
    axes.set(xscale='log', xlabel='learning rate', ylabel='loss (smoothed)', ylim=limits)
    axes.legend()
    figures.save_figure(figure, folder / 'find_lr.png')
