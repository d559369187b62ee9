"""Hooks as mmcv had them: methods that take the runner alone, and ask it for the rest."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import torch
from mmengine.hooks import Hook as _Hook
from torch import nn

from mmrotate.engine.gradients import name_unused_parameters


class Hook(_Hook):
    """Base of hooks with the points and questions of mmcv.

    ``before_epoch`` and its kin stand for both ``before_train_epoch`` and ``before_val_epoch``, which is the start of
    an epoch of validation losses (``('val', 1)`` of ``workflow``). ``before_run`` finds the weights loaded.
    """

    stages = (
        'before_run', 'before_train_epoch', 'before_train_iter', 'after_train_iter', 'after_train_epoch',
        'before_val_epoch', 'before_val_iter', 'after_val_iter', 'after_val_epoch', 'after_run',
    )  # fmt: skip
    # point of the training -> method: an evaluation is no epoch of validation here
    points: ClassVar[dict[str, str | None]] = {
        'before_run': None,
        'before_train': 'before_run',
        **dict.fromkeys(('before_val_epoch', 'before_val_iter', 'after_val_iter', 'after_val_epoch')),
        'before_loss_epoch': 'before_val_epoch',
        'before_loss_iter': 'before_val_iter',
        'after_loss_iter': 'after_val_iter',
        'after_loss_epoch': 'after_val_epoch',
    }

    def before_run(self, runner: Any) -> None:
        """Before the training."""

    def after_run(self, runner: Any) -> None:
        """After the training."""

    def before_epoch(self, runner: Any) -> None:
        """Before an epoch of training or validation."""

    def after_epoch(self, runner: Any) -> None:
        """After an epoch of training or validation."""

    def before_iter(self, runner: Any) -> None:
        """Before an iteration of training or validation."""

    def after_iter(self, runner: Any) -> None:
        """After an iteration of training or validation."""

    def before_train_epoch(self, runner: Any) -> None:
        """Before an epoch of training."""
        self.before_epoch(runner)

    def before_val_epoch(self, runner: Any) -> None:
        """Before an epoch of validation losses."""
        self.before_epoch(runner)

    def after_train_epoch(self, runner: Any) -> None:
        """After an epoch of training."""
        self.after_epoch(runner)

    def after_val_epoch(self, runner: Any) -> None:  # type: ignore[override]
        """After an epoch of validation losses."""
        self.after_epoch(runner)

    def before_train_iter(self, runner: Any) -> None:  # type: ignore[override]
        """Before an iteration of training."""
        self.before_iter(runner)

    def before_val_iter(self, runner: Any) -> None:  # type: ignore[override]
        """Before an iteration of validation losses."""
        self.before_iter(runner)

    def after_train_iter(self, runner: Any) -> None:  # type: ignore[override]
        """After an iteration of training."""
        self.after_iter(runner)

    def after_val_iter(self, runner: Any) -> None:  # type: ignore[override]
        """After an iteration of validation losses."""
        self.after_iter(runner)

    def every_n_epochs(self, runner: Any, n: int, start: int = 0) -> bool:
        """Whether this is every ``n``-th epoch; never for n < 1."""
        return n > 0 and (runner.epoch + 1 - start) % n == 0

    def every_n_inner_iters(self, runner: Any, n: int) -> bool:  # type: ignore[override]
        """Whether this is every ``n``-th iteration of the epoch; never for n < 1."""
        return n > 0 and (runner.inner_iter + 1) % n == 0

    def every_n_iters(self, runner: Any, n: int) -> bool:
        """Whether this is every ``n``-th iteration of the training; never for n < 1."""
        return n > 0 and (runner.iter + 1) % n == 0

    def end_of_epoch(self, runner: Any) -> bool:  # type: ignore[override]
        """Whether this is the last iteration of the epoch."""
        return runner.inner_iter + 1 == len(runner.data_loader)

    def is_last_epoch(self, runner: Any) -> bool:
        """Whether this is the last epoch."""
        return runner.epoch + 1 == runner.max_epochs

    def is_last_iter(self, runner: Any) -> bool:
        """Whether this is the last iteration."""
        return runner.iter + 1 == runner.max_iters

    def get_triggered_stages(self) -> list[str]:
        """The points at which the hook does something, in their order."""
        return [stage for stage in self.stages if any(map(self._overrides, {stage, re.sub('_(train|val)', '', stage)}))]

    def _overrides(self, name: str) -> bool:
        return getattr(type(self), name) is not getattr(Hook, name)


class OptimizerHook(Hook):
    """Updates the weights: base of hooks named by ``optimizer_config=dict(type=...)`` that do so in their own way.

    Args:
        grad_clip: Arguments of ``torch.nn.utils.clip_grad_norm_``.
        detect_anomalous_params: Name the parameters that get no gradient from the loss.
    """

    priority = 'ABOVE_NORMAL'

    def __init__(self, grad_clip: Mapping[str, Any] | None = None, detect_anomalous_params: bool = False) -> None:
        self.grad_clip = None if grad_clip is None else dict(grad_clip)
        self.detect_anomalous_params = detect_anomalous_params

    def clip_grads(self, params: Iterable[nn.Parameter]) -> torch.Tensor | None:
        """Clip the gradients; gives their norm before, None where there are none."""
        with_gradient = [parameter for parameter in params if parameter.requires_grad and parameter.grad is not None]
        return nn.utils.clip_grad_norm_(with_gradient, **(self.grad_clip or {})) if with_gradient else None

    def after_train_iter(self, runner: Any) -> None:
        """Compute the gradients of ``runner.outputs['loss']``, and step."""
        runner.optimizer.zero_grad()
        if self.detect_anomalous_params:
            self.detect_anomalous_parameters(runner.outputs['loss'], runner)
        runner.outputs['loss'].backward()
        if self.grad_clip is not None and (norm := self.clip_grads(runner.model.parameters())) is not None:
            runner.log_buffer.update({'grad_norm': float(norm)}, runner.outputs['num_samples'])
        runner.optimizer.step()

    def detect_anomalous_parameters(self, loss: torch.Tensor, runner: Any) -> None:
        """Name, as errors in the log, the parameters that do not take part in ``loss``."""
        name_unused_parameters(runner.model, loss, runner.logger)
