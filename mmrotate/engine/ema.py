"""Averages of the weights over the training, which are evaluated and saved in their place."""

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from mmengine.hooks import EMAHook as _EMAHook
from mmengine.model import BaseAveragedModel
from mmengine.registry import MODELS as AVERAGES
from torch import nn

from mmrotate.engine.sharding import is_sharded, share, twin
from mmrotate.registry import HOOKS
from mmrotate.utils import UserError

_OF_MMENGINE = ('ema_type', 'strict_load', 'begin_iter', 'begin_epoch', 'device', 'update_buffers')


class MovingAverage(BaseAveragedModel):
    """A copy of a model, moved towards it: ``copy += momentum(step) * (model - copy)``.

    Args:
        model: The model, with the weights that the average starts from.
        momentum: Finished iterations before this one -> share of the model, 0 to 1.
        interval: Iterations between two moves.
        first: Iterations until the first move.
        update_buffers: Average the buffers too; else they are those of the model.
        device: Where the average lies; None for that of the model.
    """

    def __init__(
        self,
        model: nn.Module,
        momentum: Callable[[int], float],
        interval: int = 1,
        first: int = 1,
        update_buffers: bool = False,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__(model, interval, device, update_buffers)
        self.momentum, self.first = momentum, first
        self._members: list[int] = []

    def avg_func(self, averaged_param: torch.Tensor, source_param: torch.Tensor, steps: int) -> None:
        """Move one tensor, in place."""
        averaged_param.lerp_(source_param.to(averaged_param.dtype), self.momentum(int(steps)))

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Count an iteration, and move if it is time: all tensors at once, for a small model has hundreds."""
        own, new, step = list(_tensors(self.module)), list(_tensors(model)), int(self.steps)
        members = list(map(id, (*own, *new)))
        if members != self._members:  # names are looked up once: that takes longer than to move
            self._members, self._pairs = members, self._by_name(model)
        moved, copied = ([(share(own[i]), share(new[j])) for i, j in pairs] for pairs in self._pairs)
        if copied:
            torch._foreach_copy_([average for average, _ in copied], [value for _, value in copied])
        if moved and (step + 1 - self.first) % self.interval == 0:
            averages = [average for average, _ in moved]
            torch._foreach_lerp_(averages, [value.to(average.dtype) for average, value in moved], self.momentum(step))
        self.steps += 1

    def _by_name(self, model: nn.Module) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Places in :func:`_tensors` of the average and of the model: of what is averaged, and of what is copied."""
        places = {name: i for i, (name, _) in enumerate(_named(model))}
        moved: list[tuple[int, int]] = []
        copied: list[tuple[int, int]] = []
        for i, (name, average) in enumerate(_named(self.module)):
            averaged = name in self.avg_parameters and average.is_floating_point()
            (moved if averaged else copied).append((i, places[name]))
        return moved, copied


@AVERAGES.register_module()
class ExpMomentumEMA(MovingAverage):
    """The average of mmdet 3.x, for ``dict(type='EMAHook', ema_type='ExpMomentumEMA', ...)``.

    The first iteration copies the weights; later the share of the new ones falls from 1 to ``momentum`` as
    ``exp(-(1 + step) / gamma)`` does.

    Args:
        model: See :class:`MovingAverage`.
        momentum: Share of the new weights in the end, 0 to 1.
        gamma: Iterations in which what is above ``momentum`` falls to 1/e.
        interval: Iterations between two moves.
        device: Where the average lies; None for that of the model.
        update_buffers: See :class:`MovingAverage`.
    """

    def __init__(
        self,
        model: nn.Module,
        momentum: float = 0.0002,
        gamma: int = 2000,
        interval: int = 1,
        device: torch.device | str | None = None,
        update_buffers: bool = False,
    ) -> None:
        if gamma <= 0:
            raise UserError(f'ExpMomentumEMA: gamma must be above 0, got {gamma!r}')
        share = functools.partial(_copied_first, momentum=momentum, total=gamma)
        super().__init__(model, share, interval, update_buffers=update_buffers, device=device)


def _named(model: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Name and value of parameters and buffers; one that several modules share comes once."""
    return itertools.chain(model.named_parameters(), model.named_buffers())


def _tensors(model: nn.Module) -> Iterator[torch.Tensor]:
    """The same without names."""
    return itertools.chain(model.parameters(), model.buffers())


class _AveragingHook(_EMAHook):
    """What the averages of 0.x have beyond mmengine's: the start, ``resume_from``, losses of validation."""

    resume_from: str | None = None
    _resumed = False

    def before_run(self, runner: Any) -> None:
        """Make the copy, and have the training resumed from ``resume_from``, if it is not from elsewhere."""
        self.src_model = runner.detector
        copied = twin(self.src_model) if is_sharded(self.src_model) else self.src_model
        self.ema_model = AVERAGES.build(self.ema_cfg, default_args=dict(model=copied))
        if self.resume_from is not None and not runner._resume:
            runner._load_from, runner._resume = self.resume_from, True

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Take the average of a checkpoint that the training goes on from."""
        _read_former_average(checkpoint)
        if not runner._resume:
            return
        if 'ema_state_dict' in checkpoint:
            super().after_load_checkpoint(runner, checkpoint)
            self._resumed = True
        else:
            runner.logger.warning('the checkpoint holds no average of the weights: it starts anew from the weights')

    def before_train(self, runner: Any) -> None:
        """Start from the loaded weights, unless an average was loaded."""
        super().before_train(runner)
        if not self._resumed:
            self.ema_model.module.load_state_dict(self.src_model.state_dict())
        if isinstance(self.ema_model, MovingAverage):
            self.ema_model.steps.fill_(runner.iter)

    def after_train_epoch(self, runner: Any) -> None:
        """Take over what a hook, SyncNormHook say, has made of buffers that are not averaged."""
        if not self.ema_model.update_buffers:
            for average, source in zip(self.ema_model.module.buffers(), self.src_model.buffers(), strict=True):
                average.copy_(source)

    def before_loss_epoch(self, runner: Any) -> None:
        """Losses of validation are those of the average."""
        self._swap_ema_parameters()

    def after_loss_epoch(self, runner: Any) -> None:
        """Back to the weights that are trained."""
        self._swap_ema_parameters()

    def _average(
        self, share: Callable[[int], float], momentum: float, interval: int, resume_from: str | None, **kwargs: Any
    ) -> None:
        """Set up a MovingAverage that moves by ``share(iteration)``."""
        if not 0 < momentum < 1:
            raise UserError(f'{type(self).__name__}: momentum must be between 0 and 1, got {momentum!r}')
        if not isinstance(interval, int) or interval < 1:
            raise UserError(f'{type(self).__name__}: interval must be a whole number above 0, got {interval!r}')
        self.resume_from = resume_from
        _EMAHook.__init__(self)
        self.ema_cfg = dict(type=MovingAverage, momentum=share, interval=interval, **kwargs)


@HOOKS.register_module()
class EMAHook(_AveragingHook):
    """The moving average of mmcv 1.x, of the parameters; or that of mmengine, if an argument of that one is given.

    Evaluated and saved are the averaged weights; a checkpoint has those that are trained in ``ema_state_dict``.

    Args:
        momentum: Share of the new weights, 0 to 1; default: 0.0002. What counts is ``momentum ** interval``.
        interval: Iterations between two moves; default: 1.
        warm_up: At iteration i (from 0) the share is at most ``(1 + i) / (warm_up + i)``; default: 100.
        resume_from: Checkpoint to resume the training from, if the config has no ``resume_from``.
        kwargs: Arguments of mmengine's EMAHook, and of its ``ema_type``.
    """

    def __init__(
        self,
        momentum: float | None = None,
        interval: int | None = None,
        warm_up: int | None = None,
        resume_from: str | None = None,
        **kwargs: Any,
    ) -> None:
        if kwargs:
            unknown = [] if 'ema_type' in kwargs else [key for key in kwargs if key not in _OF_MMENGINE]
            if unknown or (warm_up, resume_from) != (None, None):
                raise UserError(
                    f'EMAHook: takes momentum, interval, warm_up, resume_from, or else momentum, interval and '
                    f'{", ".join(_OF_MMENGINE)}; got {unknown or ["warm_up or resume_from", *kwargs]}'
                )
            given = {'momentum': momentum, 'interval': interval}
            super().__init__(**{key: value for key, value in given.items() if value is not None}, **kwargs)
            return
        interval = 1 if interval is None else interval
        momentum, warm_up = 0.0002 if momentum is None else momentum, 100 if warm_up is None else warm_up
        share = functools.partial(_warmed_up, momentum=momentum**interval, warm_up=warm_up)
        self._average(share, momentum, interval, resume_from)


@HOOKS.register_module()
class ExpMomentumEMAHook(_AveragingHook):
    """The moving average of mmdet 2.x whose share falls from 1 to ``momentum`` as ``exp(-(1 + i) / total_iter)`` does.

    Args:
        total_iter: Iterations in which what is above ``momentum`` falls to 1/e.
        momentum: Share of the new weights in the end, 0 to 1.
        interval: Iterations between two moves.
        skip_buffers: Average the parameters alone, not the statistics of normalisation layers.
        resume_from: As for EMAHook.
    """

    def __init__(
        self,
        total_iter: int = 2000,
        momentum: float = 0.0002,
        interval: int = 1,
        skip_buffers: bool = False,
        resume_from: str | None = None,
    ) -> None:
        if total_iter <= 0:
            raise UserError(f'ExpMomentumEMAHook: total_iter must be above 0, got {total_iter!r}')
        share = functools.partial(_exponential, momentum=momentum, total=total_iter)
        self._average(share, momentum, interval, resume_from, first=interval, update_buffers=not skip_buffers)


@HOOKS.register_module()
class LinearMomentumEMAHook(_AveragingHook):
    """The moving average of mmdet 2.x that warms up as EMAHook's does.

    Args:
        warm_up: At iteration i (from 0) the share is at most ``(1 + i) / (warm_up + i)``.
        momentum: Share of the new weights, 0 to 1. What counts is ``momentum ** interval``.
        interval: Iterations between two moves.
        skip_buffers: Average the parameters alone, not the statistics of normalisation layers.
        resume_from: As for EMAHook.
    """

    def __init__(
        self,
        warm_up: int = 100,
        momentum: float = 0.0002,
        interval: int = 1,
        skip_buffers: bool = False,
        resume_from: str | None = None,
    ) -> None:
        share = functools.partial(_warmed_up, momentum=momentum**interval, warm_up=warm_up)
        self._average(share, momentum, interval, resume_from, first=interval, update_buffers=not skip_buffers)


def _warmed_up(step: int, momentum: float, warm_up: int) -> float:
    return min(momentum, (1 + step) / (warm_up + step)) if warm_up + step > 0 else momentum


def _exponential(step: int, momentum: float, total: int) -> float:
    return (1 - momentum) * math.exp(-(1 + step) / total) + momentum


def _copied_first(step: int, momentum: float, total: int) -> float:
    return 1.0 if step == 0 else _exponential(step, momentum, total)


def _read_former_average(checkpoint: dict) -> None:
    """Put what 0.x kept as buffers ``ema_backbone_conv1_weight`` of the model into ``ema_state_dict``."""
    state = checkpoint['state_dict']
    trained = {name: f'ema_{name.replace(".", "_")}' for name in state}
    trained = {name: former for name, former in trained.items() if former in state}
    if trained and 'ema_state_dict' not in checkpoint:
        own = {name: state[trained.get(name, name)] for name in state if name not in trained.values()}
        checkpoint['ema_state_dict'] = {f'module.{name}': value for name, value in own.items()}
        for former in trained.values():
            del state[former]
