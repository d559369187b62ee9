"""Optimizers as ``mmcv.runner`` builds them, and names of its training whose work a config asks for here."""

from collections.abc import Iterable
from typing import Any

from mmengine import dist
from mmengine.optim import DefaultOptimWrapperConstructor, build_optim_wrapper
from torch import nn
from torch.optim import Optimizer

from mmrotate.utils import UserError


class DefaultOptimizerConstructor(DefaultOptimWrapperConstructor):
    """Makes an optimizer with settings of their own for parts of a model.

    Args:
        optimizer_cfg: The optimizer: ``dict(type='SGD', lr=...)``.
        paramwise_cfg: The settings, e.g. ``dict(norm_decay_mult=0.)``.
    """

    def __init__(self, optimizer_cfg: dict, paramwise_cfg: dict | None = None) -> None:
        super().__init__(dict(type='OptimWrapper', optimizer=optimizer_cfg), paramwise_cfg)

    def __call__(self, model: nn.Module) -> Optimizer:  # type: ignore[override]
        """The optimizer of a model's parameters."""
        return super().__call__(model).optimizer


def build_optimizer(model: nn.Module, cfg: dict) -> Optimizer:
    """The optimizer of a config's ``optimizer``, which may have ``paramwise_cfg`` and a ``constructor``."""
    optimizer = dict(cfg)
    wrapper = {key: optimizer.pop(key) for key in ('paramwise_cfg', 'constructor') if key in optimizer}
    if wrapper.get('constructor') in (None, 'DefaultOptimizerConstructor'):
        wrapper.pop('constructor', None)
    return build_optim_wrapper(model, dict(type='OptimWrapper', optimizer=optimizer, **wrapper)).optimizer


def allreduce_grads(params: Iterable[nn.Parameter], coalesce: bool = True, bucket_size_mb: int = -1) -> None:
    """Average the gradients of parameters over all processes; the last two arguments are taken as mmcv takes them."""
    del coalesce, bucket_size_mb
    if dist.get_world_size() > 1:
        for parameter in params:
            if parameter.grad is not None:
                dist.all_reduce(parameter.grad, 'mean')


def _asked_for_by_a_config(name: str, how: str) -> type:
    """A class that can be imported and compared with, but neither made nor derived from."""

    def refuse(self_or_class: Any, *args: Any, **kwargs: Any) -> None:
        raise UserError(f'{name} is not made by hand here: {how}')

    body = dict(__init__=refuse, __init_subclass__=classmethod(refuse), __module__=__name__)
    return type(name, (), dict(body, __doc__=f'Asked for by a config: {how}.'))


_RUNNER = "runner=dict(type='{}', ...) in a config, and mmrotate.apis.train_detector runs it; a hook changes its steps"
_EVALUATION = "evaluation=dict(interval=1, metric='mAP') in a config; a dataset's evaluate method says how"
EpochBasedRunner = _asked_for_by_a_config('EpochBasedRunner', _RUNNER.format('EpochBasedRunner'))
IterBasedRunner = _asked_for_by_a_config('IterBasedRunner', _RUNNER.format('IterBasedRunner'))
BaseRunner = _asked_for_by_a_config('BaseRunner', _RUNNER.format('EpochBasedRunner'))
EvalHook = _asked_for_by_a_config('EvalHook', _EVALUATION)
DistEvalHook = _asked_for_by_a_config('DistEvalHook', _EVALUATION)
Fp16OptimizerHook = _asked_for_by_a_config('Fp16OptimizerHook', "fp16=dict(loss_scale='dynamic') in a config")
