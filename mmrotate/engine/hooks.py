"""Hooks of the training beside those of mmengine."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Priority, get_priority

from mmrotate.engine.batches import files_of
from mmrotate.engine.checks import check_num_classes
from mmrotate.engine.loops import NonFiniteLossError
from mmrotate.engine.schedules import Progress, Schedule
from mmrotate.registry import HOOKS
from mmrotate.utils import UserError


@dataclass(eq=False)
class ScheduleHook(Hook):
    """Sets learning rate and momentum (``betas[0]`` of Adam) before every iteration; None leaves it as it is."""

    priority = 'HIGHEST'  # before RuntimeInfoHook, which notes the learning rate for the log

    lr: Schedule | None = None
    momentum: Schedule | None = None

    def before_train(self, runner: Any) -> None:
        """Note the values of the config, which a resumed optimizer has already; raises UserError where they misfit."""
        groups = runner.optim_wrapper.param_groups
        for group in groups:
            group.setdefault('initial_lr', group['lr'])
            momentum = group['betas'][0] if 'betas' in group else group.get('momentum', 0.0)
            group.setdefault('initial_momentum', momentum)
        if self.momentum is not None and not all('momentum' in group or 'betas' in group for group in groups):
            raise UserError('momentum_config: the optimizer has no momentum: leave it out, or take SGD or Adam')
        for key, schedule in (('lr_config', self.lr), ('momentum_config', self.momentum)):
            try:
                if schedule is not None:
                    schedule.check(len(groups), _progress(runner.train_loop))
            except ValueError as error:
                raise UserError(f'{key}: {error}') from error

    def before_train_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        """Set the values of this iteration."""
        progress = _progress(runner.train_loop)
        for index, group in enumerate(runner.optim_wrapper.param_groups):
            if self.lr is not None:
                group['lr'] = self.lr.value(group['initial_lr'], progress, index)
            if self.momentum is not None:
                # while the learning rate is warmed up by a factor, the momentum is divided by it
                regular = self.momentum.regular(group['initial_momentum'], progress, index)
                _set_momentum(group, regular / self.momentum.warmup_factor(progress))


def _progress(loop: Any) -> Progress:
    return Progress(loop.epoch, loop.iter, loop.max_epochs, loop.max_iters)


def _set_momentum(group: dict[str, Any], value: float) -> None:
    if 'momentum' in group:
        group['momentum'] = value
    elif 'betas' in group:
        group['betas'] = (value, *group['betas'][1:])


@HOOKS.register_module()
class NumClassCheckHook(Hook):
    """Compares ``num_classes`` of the heads with the classes of the training data, as every training does by itself."""

    def before_train(self, runner: Any) -> None:
        """Check once, before the first iteration; raises a MismatchError."""
        check_num_classes(runner.detector, getattr(runner.train_dataloader.dataset, 'CLASSES', None))


@HOOKS.register_module()
@dataclass(eq=False)
class CheckInvalidLossHook(Hook):
    """Stops at a loss that is not finite (the training loop does so too, unless told not to)."""

    interval: int = 50  # iterations between checks

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Check."""
        if self.every_n_train_iters(runner, self.interval) and not math.isfinite(outputs['loss']):
            place = f'iteration {runner.iter + 1}; images of this batch: {files_of(data_batch)}'
            raise NonFiniteLossError(f'the loss is {outputs["loss"]} at {place}')


@HOOKS.register_module()
class SetEpochInfoHook(Hook):
    """Calls ``model.set_epoch(epoch)`` before every epoch, for models that have it."""

    def before_train_epoch(self, runner: Any) -> None:
        """Tell the model."""
        if hasattr(runner.detector, 'set_epoch'):
            runner.detector.set_epoch(runner.epoch)


def build_custom_hooks(configs: Iterable[dict[str, Any]]) -> list[Hook]:
    """Hooks of ``custom_hooks``, each with its ``priority`` (a name or 0 to 100)."""
    hooks = []
    for config in configs:
        if not isinstance(config, Mapping):
            raise UserError(f"custom_hooks: each must be dict(type='...'), got {config!r}")
        hook = HOOKS.build({key: value for key, value in config.items() if key != 'priority'})
        if (priority := config.get('priority')) is not None:
            hook.priority = _known_priority(priority)
        hooks.append(hook)
    return hooks


def _known_priority(given: Any) -> Any:
    try:
        get_priority(given)
    except (KeyError, TypeError, ValueError):
        known = ', '.join(Priority.__members__)
        raise UserError(
            f'custom_hooks: priority={given!r} is neither a number from 0 to 100 nor one of {known}'
        ) from None
    return given
