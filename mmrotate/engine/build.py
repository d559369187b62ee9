"""A runner from a 0.x config, a model and its datasets."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from torch import nn
from torch.utils.data import DataLoader

from mmrotate.datasets import build_dataloader
from mmrotate.engine.checkpoint_hook import CheckpointHook
from mmrotate.engine.checks import check_training
from mmrotate.engine.config import Evaluation, Plan, loader_options, read_plan, warn_of_unknown_keys
from mmrotate.engine.distributed import pick_device
from mmrotate.engine.hooks import ScheduleHook, build_custom_hooks
from mmrotate.engine.log_buffer import LogBufferHook
from mmrotate.engine.loggers import LoggerHook
from mmrotate.engine.loops import EvaluationLoop, TrainLoop
from mmrotate.engine.patience import PatienceHook
from mmrotate.engine.runner import DetectorLogProcessor, DetectorRunner, JsonScalars
from mmrotate.engine.sharding import check_sharding
from mmrotate.engine.splits import open_dataset
from mmrotate.engine.testing import build_test_loader
from mmrotate.engine.workflow import ValidationLosses
from mmrotate.utils import UserError, get_root_logger


def build_runner(
    model: nn.Module,
    datasets: Sequence[Any],
    cfg: Config,
    distributed: bool = False,
    validate: bool = False,
    meta: dict[str, Any] | None = None,
    timestamp: str | None = None,
) -> DetectorRunner:
    """Everything that a training needs, from a 0.x config.

    The arguments are those of :func:`mmrotate.apis.train_detector`; ``work_dir`` and ``seed`` of ``cfg`` are set.

    Raises:
        UserError: The config makes no sense.
    """
    warn_of_unknown_keys(cfg, get_root_logger(log_level=cfg.get('log_level', 'INFO')))
    plan = read_plan(cfg)
    check_sharding(cfg, distributed, plan.precision)
    evaluation = plan.evaluation if validate else None
    val = open_dataset(cfg, 'val', test_mode=True) if evaluation else None
    check_training(model, datasets, cfg, evaluation, val)
    device = pick_device(cfg.get('device'))
    amp = dict(device_type=device.type, dtype=plan.precision, loss_scale=plan.loss_scale)
    loggers = _loggers(plan)
    return DetectorRunner(
        model,
        device=device,
        amp=None if plan.precision == 'float32' else amp,
        meta=meta,
        timestamp=timestamp,
        cfg=cfg,
        work_dir=cfg.work_dir,
        launcher='pytorch' if distributed else 'none',
        load_from=cfg.get('resume_from') or cfg.get('load_from'),
        resume=bool(cfg.get('resume_from')),
        train_dataloader=_train_loader(datasets[0], cfg, distributed),
        train_cfg=dict(
            type=TrainLoop,
            counts_epochs=plan.by_epoch,
            length=plan.length,
            evaluation=evaluation,
            detect_nonfinite=bool(cfg.get('detect_nonfinite', True)),
            names_unused=plan.names_unused,
            updates=plan.optimizer_hook is None,
            validation=_validation(plan, datasets, cfg, distributed),
        ),
        optim_wrapper=plan.optim_wrapper,
        auto_scale_lr=_scaling(cfg, plan),
        custom_hooks=[*_hooks(plan, evaluation), *_patience(cfg, evaluation), *loggers],
        **_environment(cfg),
        **_log_parts(cfg, plan, loggers),
        **_evaluation_parts(cfg, evaluation, val),
    )


def _train_loader(dataset: Any, cfg: Config, distributed: bool) -> DataLoader:
    # also for IterBasedRunner a sampler with an end: the order of epoch k follows from (seed, k)
    options = {'dist': distributed, 'seed': cfg.seed, **loader_options(cfg, 'train')}
    loader = build_dataloader(dataset, **options)
    if loader.persistent_workers:
        get_root_logger().warning(
            'persistent_workers: they are seeded only once, so a resumed training will draw other augmentations than '
            'an unbroken one'
        )
    return loader


def _hooks(plan: Plan, evaluation: Evaluation | None) -> list[Hook]:
    best: dict[str, Any] = {}
    if evaluation:
        best = {key: getattr(evaluation, key) for key in ('save_best', 'rule', 'greater_keys', 'less_keys')}
        best |= dict(best_dir=evaluation.out_dir, best_by_epoch=evaluation.by_epoch)
    try:
        hooks: list[Hook] = [ScheduleHook(plan.lr, plan.momentum), CheckpointHook(**plan.checkpoint, **best)]
    except (TypeError, ValueError) as error:
        raise UserError(f'checkpoint_config: {error}') from error
    if plan.optimizer_hook:
        hooks += build_custom_hooks([{'priority': 'ABOVE_NORMAL', **plan.optimizer_hook}])
    return [*hooks, *build_custom_hooks(plan.custom_hooks)]


def _scaling(cfg: Config, plan: Plan) -> dict[str, Any] | None:
    """``auto_scale_lr`` as mmengine takes it, for the images of a batch: a step may have those of several."""
    given = cfg.get('auto_scale_lr')
    if not (given and given.get('enable')):
        return given
    return {**given, 'base_batch_size': given['base_batch_size'] / plan.optim_wrapper.get('accumulative_counts', 1)}


def _patience(cfg: Config, evaluation: Evaluation | None) -> list[Hook]:
    if not cfg.get('patience'):
        return []
    if evaluation is None:
        raise UserError('patience (--patience) needs evaluations, and this training has none')
    return [PatienceHook(evaluation)]


def _validation(plan: Plan, datasets: Sequence[Any], cfg: Config, distributed: bool) -> ValidationLosses | None:
    if len(datasets) < 2 or not plan.workflow.validates:
        return None
    options = {**loader_options(cfg, 'train'), 'dist': distributed, 'seed': cfg.seed, 'shuffle': False}
    options.pop('class_aware_sampler', None)  # every image counts once
    return ValidationLosses(build_dataloader(datasets[1], **options), plan.workflow)


def _environment(cfg: Config) -> dict[str, Any]:
    return dict(
        env_cfg=dict(
            cudnn_benchmark=bool(cfg.get('cudnn_benchmark', False)) and torch.cuda.is_available(),
            mp_cfg={key: cfg[key] for key in ('mp_start_method', 'opencv_num_threads') if key in cfg},
            dist_cfg=dict(cfg.get('dist_params') or {}),
        ),
        randomness=dict(
            seed=cfg.seed,
            diff_rank_seed=bool(cfg.get('diff_seed', False)),
            deterministic=bool(cfg.get('deterministic', False)),
        ),
    )


def _loggers(plan: Plan) -> list[LoggerHook]:
    """The hooks that log; the last leaves nothing behind in the buffer."""
    loggers: list[LoggerHook] = build_custom_hooks(plan.loggers)  # type: ignore[assignment]
    loggers[-1].reset_flag = True
    return loggers


def _log_parts(cfg: Config, plan: Plan, loggers: list[LoggerHook]) -> dict[str, Any]:
    text: Any = loggers[0]
    line = dict(interval=text.interval, ignore_last=text.ignore_last, interval_exp_name=text.interval_exp_name)
    # sampler, schedules and checkpoints are the work of the loop, ScheduleHook and our CheckpointHook
    unused = dict.fromkeys(('sampler_seed', 'param_scheduler', 'checkpoint'))
    return dict(
        experiment_name=Path(cfg.filename).stem if cfg.filename else None,
        log_level=cfg.get('log_level', 'INFO'),
        log_processor=DetectorLogProcessor(text.interval, plan.by_epoch),
        log_length=max(logger.interval for logger in loggers),
        default_hooks=dict(logger=dict(type='LoggerHook', **line), buffer=LogBufferHook(), **unused),
        visualizer=dict(type='Visualizer', vis_backends=[dict(type=JsonScalars)]),
    )


def _evaluation_parts(cfg: Config, evaluation: Evaluation | None, dataset: Any) -> dict[str, Any]:
    if evaluation is None:
        return {}
    return dict(
        val_dataloader=build_test_loader(dataset, **loader_options(cfg, 'val')),
        val_cfg=dict(type=EvaluationLoop, dataset=dataset),
        val_evaluator=evaluation.options,
    )
