"""What hooks of 0.x ask a runner for, and how hooks of both kinds are called."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from mmrotate.engine.log_buffer import LogBuffer

# a point of training, or of losses on validation data -> the method of hooks of 0.x that stands for both
_SHARED = {
    f'{when}_{mode}_{what}': f'{when}_{what}'
    for when in ('before', 'after')
    for mode in ('train', 'loss')
    for what in ('epoch', 'iter')
}


class FormerRunner(Runner):
    """mmengine's Runner with the attributes of mmcv's."""

    outputs: dict[str, Any]  # of the last iteration: loss (a tensor), log_vars, num_samples
    data_batch: Any  # the batch that is worked on
    mode: str  # 'train' or, while validation losses are computed, 'val'
    data_loader: DataLoader  # where the batches come from
    log_buffer: LogBuffer
    last_checkpoint: str | None = None  # the regular checkpoint that was written last, on rank 0

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer itself."""
        return self.optim_wrapper.optimizer

    @property
    def inner_iter(self) -> int:
        """Finished iterations of the epoch."""
        return self.train_loop.iter - self.train_loop.epoch * self.train_loop.epoch_length

    def current_lr(self) -> list[float]:
        """Learning rate of each group of parameters."""
        return [group['lr'] for group in self.optimizer.param_groups]

    def current_momentum(self) -> list[float]:
        """Momentum of each group of parameters; of Adam its first beta."""
        groups = self.optimizer.param_groups
        return [group['betas'][0] if 'betas' in group else group.get('momentum', 0) for group in groups]

    def get_hook_info(self) -> str:
        """The hooks at each point of the training, as text."""
        return self.get_hooks_info()

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        """Call the hooks at the point ``fn_name``, each with those of ``kwargs`` that it takes."""
        for hook in self._hooks:
            method = method_at(hook, fn_name)
            if method is not None:
                taken = _taken(getattr(method, '__func__', method), inspect.ismethod(method))
                method(self, **(kwargs if taken is None else {k: v for k, v in kwargs.items() if k in taken}))


def method_at(hook: Any, point: str) -> Callable[..., None] | None:
    """The method of a hook that is called at a point of the training; None where it has none.

    A hook may say by ``points`` how it calls a point, None for not at all. One of 0.x may say in ``before_epoch`` what
    happens before epochs of both kinds.
    """
    own = getattr(hook, 'points', {}).get(point, point)
    shared = _SHARED.get(point, '')
    if own is None:
        return None
    if hasattr(hook, shared) and getattr(type(hook), own, None) is getattr(Hook, own, None):
        own = shared
    return getattr(hook, own, None)


@functools.cache
def _taken(function: Callable[..., None], bound: bool) -> frozenset[str] | None:
    """Names of the arguments that a function takes beside the runner (and, if bound, the hook); None: any."""
    parameters = list(inspect.signature(function).parameters.values())[1 + bound :]
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return frozenset(parameter.name for parameter in parameters)
