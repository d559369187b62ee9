"""Configs in the 0.x dialect: loading, and the translation into what the engine runs on."""

import functools
import inspect
import logging
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIMIZERS, Registry

from mmrotate.engine.config_files import read_config
from mmrotate.engine.config_keys import unknown_keys
from mmrotate.engine.config_values import OPTIMIZER_HOOKS, check_values
from mmrotate.engine.custom_imports import import_custom_modules
from mmrotate.engine.loggers import TextLoggerHook
from mmrotate.engine.schedules import Schedule
from mmrotate.engine.short_keys import batches_a_step, short_hooks
from mmrotate.engine.workflow import Workflow
from mmrotate.registry import HOOKS
from mmrotate.utils import UserError, compat_cfg
from mmrotate.utils.arguments import check_arguments, near_name

_LENGTHS = {'EpochBasedRunner': 'max_epochs', 'IterBasedRunner': 'max_iters'}
# keys of ``evaluation`` that say when and how; the rest goes to ``dataset.evaluate``
_EVALUATION_CONTROL = {
    'interval', 'dynamic_intervals', 'start', 'by_epoch', 'save_best', 'rule', 'greater_keys', 'less_keys', 'out_dir',
    'priority',
}  # fmt: skip
_EVALUATION_WITHOUT_EFFECT = {'tmpdir', 'gpu_collect', 'broadcast_bn_buffer'}
_CHECKPOINT_WITHOUT_EFFECT = {'meta', 'sync_buffer', 'file_client_args'}
# what only configs of 1.x have
_LATER_KEYS = ('train_dataloader', 'val_dataloader', 'test_dataloader', 'optim_wrapper', 'param_scheduler')
_LOADER_DEFAULTS = {'workers_per_gpu': 2, 'samples_per_gpu': 1}


class FinalConfig(Config):
    """A config that will not change any more: its text is formatted once, which takes a while."""

    @classmethod
    def of(cls, config: Config) -> 'FinalConfig':
        """A copy of ``config``."""
        return cls(config._cfg_dict, cfg_text=config.text, filename=config.filename)

    @functools.cached_property
    def pretty_text(self) -> str:  # type: ignore[override]
        """The whole config as Python."""
        return super().pretty_text


@dataclass
class Evaluation:
    """The key ``evaluation``: when to evaluate, what to save, and how to score."""

    interval: int  # epochs or iterations from one to the next
    start: int | None  # the first; from the first on, a training begins with one. None: after ``interval``
    by_epoch: bool
    save_best: str | None  # score that chooses the best checkpoint
    rule: str | None  # 'greater' or 'less'
    options: dict[str, Any]  # arguments of ``dataset.evaluate``
    intervals: list[tuple[int, int]] = field(default_factory=list)  # other intervals, each from an epoch or iteration
    greater_keys: list[str] | None = None  # scores of which more is better, see ``rule_of``
    less_keys: list[str] | None = None
    out_dir: str | None = None  # folder for the best checkpoint
    patience: int | None = None  # evaluations in a row that are not the best after which the training ends

    @property
    def is_remembered(self) -> bool:
        """Whether what comes later depends on it."""
        return bool(self.save_best or self.patience)

    def is_due(self, done: int, last: int) -> bool:
        """Whether to evaluate after ``done`` of ``last`` epochs (or iterations); after the last one always."""
        start = self.start or 0
        interval = next((value for since, value in reversed(self.intervals) if done >= since), self.interval)
        return done == last or (done >= start and (done - start) % interval == 0)

    def is_due_before(self, done: int) -> bool:
        """Whether to evaluate before a training that begins, or goes on, after ``done`` epochs (or iterations)."""
        return self.start is not None and done >= self.start


@dataclass
class Plan:
    """What the engine runs on, read from a config."""

    by_epoch: bool  # whether the training counts epochs (EpochBasedRunner) or iterations
    length: int  # number of epochs or iterations
    optim_wrapper: dict[str, Any]  # config for mmengine's optimizer wrapper
    precision: str  # 'float32', 'float16' or 'bfloat16'
    loss_scale: Any  # scale of the loss under float16
    lr: Schedule | None  # None: it stays as it is
    momentum: Schedule | None
    checkpoint: dict[str, Any]  # arguments of CheckpointHook
    loggers: list[dict[str, Any]]  # configs of logger hooks, that of the text first
    evaluation: Evaluation | None  # None where nothing is evaluated
    workflow: Workflow  # when to compute losses on the validation data
    optimizer_hook: dict[str, Any] | None  # config of a user's hook that updates the weights
    names_unused: bool  # whether to name the parameters that get no gradient
    custom_hooks: list[dict[str, Any]]  # configs of hooks


def load_config(path: str | Path, options: Mapping[str, Any] | None = None) -> Config:
    """Read a config file of the 0.x dialect (``_base_``, ``_delete_``, ``{{_base_.x}}``).

    Args:
        path: A ``.py``, ``.json`` or ``.yaml`` file, or a name of the zoo.
        options: Values to put in, keys with dots: ``{'model.backbone.depth': 18}``.

    Raises:
        UserError: The file does not exist (near names are listed) or cannot be read, or a value makes no sense.
    """
    config = read_config(path)
    _refuse_later_dialect(config)
    put_options(config, options)
    import_custom_modules(config)
    return config


def _refuse_later_dialect(config: Config) -> None:
    found = [key for key in _LATER_KEYS if key in config]
    if found and 'data' not in config:
        raise UserError(
            f'{config.filename} is a config of MMRotate 1.x (it has {", ".join(found)}), this is the dialect of 0.x: '
            'docs/migration.md says where its parts are here'
        )


def put_options(config: Config, options: Mapping[str, Any] | None) -> None:
    """Put ``options``, keys with dots, into ``config``, and check all its values.

    Raises:
        UserError: An option has no place, or a value makes no sense.
    """
    for key, value in (options or {}).items():
        try:
            config.merge_from_dict({key: value})
        except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
            raise UserError(f'{key}={value!r} has no place in the config: {error}') from error
    check_values(config)


def warn_of_unknown_keys(config: Config, logger: logging.Logger) -> list[str]:
    """Name in one warning the keys of ``config`` that nothing here reads; gives them back."""
    unknown = unknown_keys(config)
    if unknown:
        logger.warning('keys of the config that are not understood and have no effect: %s', unknown)
    return unknown


def read_plan(config: Config) -> Plan:
    """Translate the training part of a 0.x config.

    Raises:
        UserError: A key that is needed is missing, or a value makes no sense.
    """
    check_values(config)
    scale = config.get('auto_scale_lr') or {}
    if scale.get('enable') and not scale.get('base_batch_size'):
        raise UserError('auto_scale_lr.base_batch_size is missing: the images a step that the learning rate is for')
    by_epoch, length = _runner(config)
    precision, loss_scale = _precision(config)
    checkpoint = _without(config.get('checkpoint_config') or {}, _CHECKPOINT_WITHOUT_EFFECT)
    if (kind := checkpoint.pop('type', 'CheckpointHook')) != 'CheckpointHook':
        raise UserError(f'checkpoint_config.type={kind!r}: a hook of your own goes into custom_hooks')
    log = config.get('log_config') or {}
    return Plan(
        by_epoch=by_epoch,
        length=length,
        optim_wrapper=_optim_wrapper(config),
        precision=precision,
        loss_scale=loss_scale,
        lr=_schedule(config, 'lr'),
        momentum=_schedule(config, 'momentum'),
        checkpoint={'by_epoch': by_epoch, **checkpoint},
        loggers=_loggers(log.get('hooks') or [], log.get('interval', 10), by_epoch),
        evaluation=read_evaluation(config, by_epoch),
        workflow=Workflow(config.get('workflow') or [('train', 1)]),
        optimizer_hook=_optimizer_hook(config, precision),
        names_unused=bool((config.get('optimizer_config') or {}).get('detect_anomalous_params')),
        custom_hooks=[*(config.get('custom_hooks') or []), *short_hooks(config)],
    )


def read_evaluation(config: Config, by_epoch: bool = True) -> Evaluation | None:
    """The key ``evaluation``, or None."""
    given = config.get('evaluation')
    if not given:
        return None
    return Evaluation(
        interval=given.get('interval', 1),
        start=given.get('start'),
        by_epoch=by_epoch and given.get('by_epoch') is not False,
        save_best=given.get('save_best'),
        rule=given.get('rule'),
        options=_without(given, _EVALUATION_CONTROL | _EVALUATION_WITHOUT_EFFECT),
        intervals=[tuple(pair) for pair in given.get('dynamic_intervals') or []],
        out_dir=given.get('out_dir'),
        patience=config.get('patience'),
        **{key: _as_list(given[key]) for key in ('greater_keys', 'less_keys') if given.get(key) is not None},
    )


def loader_options(config: Config, split: str) -> dict[str, Any]:
    """Arguments of ``build_dataloader`` for ``train``, ``val`` or ``test``.

    ``data.samples_per_gpu`` and ``data.workers_per_gpu`` serve for training; ``val`` and ``test`` take one image at a
    time unless ``data.SPLIT.samples_per_gpu`` or ``data.SPLIT_dataloader`` says otherwise.
    """
    return {**_LOADER_DEFAULTS, **compat_cfg(config).data[f'{split}_dataloader']}


def model_config(config: Config) -> ConfigDict:
    """The key ``model``.

    Raises:
        UserError: The config has none.
    """
    if not config.get('model'):
        raise UserError('the config has no model, e.g. a file configs/_base_ has to be completed by one')
    return config.model


def dataset_config(config: Config, split: str, **overrides: Any) -> Any:
    """Config of the dataset of a split, without the keys that are the data loader's.

    ``overrides`` are arguments of the dataset; of a wrapper, those of the datasets in it.

    Raises:
        UserError: The config has no such dataset.
    """
    given = (config.get('data') or {}).get(split)
    if not given:
        raise UserError(f'the config has no data.{split}')
    parts = [_with_arguments(_without(part, {'samples_per_gpu'}), overrides) for part in _as_list(given)]
    return parts if isinstance(given, list | tuple) else parts[0]


def _with_arguments(data: Any, arguments: Mapping[str, Any]) -> Any:
    """Config of a dataset with ``arguments`` put into it, or into the datasets that it wraps."""
    if isinstance(data, list | tuple):
        return [_with_arguments(part, arguments) for part in data]
    wrapped = next((key for key in ('datasets', 'dataset') if key in data), None)
    return ConfigDict({**data, **({wrapped: _with_arguments(data[wrapped], arguments)} if wrapped else arguments)})


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _without(config: Mapping[str, Any], keys: Set[str]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in keys}


def _runner(config: Config) -> tuple[bool, int]:
    runner = compat_cfg(config).get('runner') or {}
    kind = runner.get('type', 'EpochBasedRunner')
    length = runner.get(_LENGTHS.get(kind))
    if not isinstance(length, int):
        raise UserError(
            "runner must be dict(type='EpochBasedRunner', max_epochs=N) or "
            f"dict(type='IterBasedRunner', max_iters=N), got {dict(runner)}"
        )
    return kind == 'EpochBasedRunner', length


def _precision(config: Config) -> tuple[str, Any]:
    options = config.get('optimizer_config') or {}
    by_hook = 'Fp16' in str(options.get('type', ''))
    fp16 = config.get('fp16')
    wants_fp16 = by_hook or fp16 not in (None, False)  # an empty dict asks for it too
    if config.get('bf16') not in (None, False):
        if wants_fp16:
            raise UserError('the config has both fp16 and bf16: keep one')
        return 'bfloat16', 'dynamic'
    if not wants_fp16:
        return 'float32', 'dynamic'
    given = options if by_hook else ({} if fp16 is True else fp16)
    return 'float16', given.get('loss_scale', 512.0)


def _optim_wrapper(config: Config) -> dict[str, Any]:
    if not config.get('optimizer'):
        raise UserError("the config has no optimizer, e.g. optimizer=dict(type='SGD', lr=0.0025)")
    wrapper = _optimizer(config.optimizer, 'optimizer')
    options = config.get('optimizer_config') or {}
    if options.get('type') not in (None, *OPTIMIZER_HOOKS):
        return wrapper  # the hook clips and counts itself
    if options.get('grad_clip'):
        wrapper['clip_grad'] = dict(options['grad_clip'])
    if (batches := batches_a_step(config)) > 1:
        wrapper['accumulative_counts'] = batches
    return wrapper


def _optimizer(given: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Arguments of mmengine's wrapper of an optimizer, or ``parts`` for those of several parts of a model."""
    optimizer = dict(given)
    if 'type' not in optimizer and all(isinstance(part, Mapping) for part in optimizer.values()):
        return {'parts': {name: _optimizer(part, f'{key}.{name}') for name, part in optimizer.items()}}
    _check_type(optimizer.get('type'), OPTIMIZERS, f'{key}.type')
    wrapper = {'optimizer': optimizer}
    if (paramwise := optimizer.pop('paramwise_cfg', None)) is not None:
        wrapper['paramwise_cfg'] = paramwise
    if (constructor := optimizer.pop('constructor', None)) not in (None, 'DefaultOptimizerConstructor'):
        _check_type(constructor, OPTIM_WRAPPER_CONSTRUCTORS, f'{key}.constructor')
        wrapper['constructor'] = constructor
    elif inspect.isclass(cls := _class_of(optimizer.get('type'))):
        check_arguments(cls, {'params', *optimizer} - {'type'}, key)
    return wrapper


def _optimizer_hook(config: Config, precision: str) -> dict[str, Any] | None:
    """Config of the hook in ``optimizer_config`` if it is none of mmcv's, whose work the engine does."""
    options = dict(config.get('optimizer_config') or {})
    kind = options.get('type')
    if kind in (None, *OPTIMIZER_HOOKS):
        return None
    _check_type(kind, HOOKS, 'optimizer_config.type')
    if precision == 'float16':
        raise UserError(f'optimizer_config.type={kind!r} steps itself and does not scale the loss: take bf16, not fp16')
    return options


def _class_of(name: Any) -> Any:
    return OPTIMIZERS.get(name) if isinstance(name, str) else name


def _check_type(name: Any, registry: Registry, key: str) -> None:
    """Refuse a name that is not registered."""
    if isinstance(name, str) and registry.get(name) is None:
        near = near_name(name, registry.module_dict) or f'known: {sorted(registry.module_dict)} '
        raise UserError(f'{key}={name!r} is not known; {near}(your own are loaded by custom_imports)')


def _loggers(hooks: Iterable[Mapping[str, Any]], interval: int, by_epoch: bool) -> list[dict[str, Any]]:
    """Configs of logger hooks; there is always one of the text."""
    defaults: dict[str, Any] = {'interval': interval, **({} if by_epoch else {'by_epoch': False})}
    loggers = [{**defaults, **hook} for hook in hooks]
    for index, logger in enumerate(loggers):
        _check_type(logger.get('type'), HOOKS, f'log_config.hooks[{index}].type')
    if not any(_is_text(logger) for logger in loggers):
        loggers.append({'type': 'TextLoggerHook', **defaults})
    return sorted(loggers, key=lambda logger: not _is_text(logger))


def _is_text(logger: Mapping[str, Any]) -> bool:
    kind = logger.get('type')
    cls = HOOKS.get(kind) if isinstance(kind, str) else kind
    return inspect.isclass(cls) and issubclass(cls, TextLoggerHook)


def _schedule(config: Config, of: str) -> Schedule | None:
    given = config.get(f'{of}_config')
    try:
        return Schedule.from_config(given, of) if given else None
    except (TypeError, ValueError) as error:
        raise UserError(f'{of}_config: {error}') from error
