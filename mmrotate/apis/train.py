"""Training from a config."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from torch import nn

from mmrotate.analysis.run_hook import RunReportHook
from mmrotate.engine import FinalConfig, build_runner, init_dist, own_folders, read_plan, share_from_first
from mmrotate.utils import get_root_logger, init_random_seed, load_state, setup_multi_processes
from mmrotate.utils.files import unused_stem

from .settling import settle, settled


def training_seed(cfg: Config) -> int:
    """The seed of a training, in every process: the config's, else the resumed checkpoint's, else a drawn one."""
    seed = cfg.get('seed')
    if seed is None and cfg.get('resume_from'):
        seed = load_state(cfg.resume_from)['meta'].get('seed')
    return init_random_seed(seed)


def train_detector(
    model: nn.Module,
    dataset: Any,
    cfg: Config,
    distributed: bool = False,
    validate: bool = False,
    timestamp: str | None = None,
    meta: dict[str, Any] | None = None,
) -> nn.Module:
    """Train ``model`` as a config of the 0.x dialect says.

    Args:
        model: A detector with its weights initialised.
        dataset: The training data; or a list, whose second entry gives the validation losses where ``workflow`` asks
            for them.
        cfg: The config. ``work_dir``, ``seed``, ``resume_from``, ``load_from`` and ``device`` are read from it too.
        distributed: Whether this process is one of several that train together.
        validate: Evaluate on ``cfg.data.val`` as ``cfg.evaluation`` says.
        timestamp: Name of the log file in ``work_dir``, the same in all processes; by default the present time.
        meta: Plain values (no arrays, no objects) that every checkpoint carries.

    Returns:
        The trained detector.

    Raises:
        UserError: The config makes no sense.
        FolderInUseError: Another training writes into ``work_dir``.
        ShortageError: The machine has too little memory.
        TrainingError: An iteration failed; the image files of its batch are named.
    """
    datasets = list(dataset) if isinstance(dataset, list | tuple) else [dataset]
    if cfg.get('work_dir') is None:
        cfg.work_dir = './work_dirs/' + (Path(cfg.filename).stem if cfg.filename else 'train')
    if distributed:
        init_dist('pytorch', **dict(cfg.get('dist_params') or {}))  # unless the caller has
    with own_folders(cfg):
        return _train(model, datasets, cfg, distributed, validate, timestamp, meta)


def _train(
    model: nn.Module,
    datasets: Sequence[Any],
    cfg: Config,
    distributed: bool,
    validate: bool,
    timestamp: str | None,
    meta: dict[str, Any] | None,
) -> nn.Module:
    setup_multi_processes(cfg)
    cfg.seed = training_seed(cfg)
    if timestamp is None:
        timestamp = share_from_first(unused_stem(Path(cfg.work_dir), time.strftime('%Y%m%d_%H%M%S'), '.log'))
    logger = get_root_logger(log_level=cfg.get('log_level', 'INFO'))
    logger.info('seed %d, deterministic %s', cfg.seed, bool(cfg.get('deterministic', False)))
    settle(model, datasets, cfg, distributed)
    final = FinalConfig.of(cfg)
    meta = {**_meta(datasets, final), 'settled': settled(cfg), **(meta or {})}
    runner = build_runner(model, datasets, final, distributed, validate, plain(meta), timestamp)
    if cfg.get('report') is not False:
        runner.register_hook(RunReportHook(read_plan(final).evaluation if validate else None))
    start = time.time()
    runner.train()
    logger.info('training took %.0f seconds, work_dir %s', time.time() - start, runner.work_dir)
    return runner.detector


def _meta(datasets: Sequence[Any], cfg: Config) -> dict[str, Any]:
    found = {key: getattr(datasets[0], key, None) for key in ('CLASSES', 'PALETTE')}
    return {**found, 'config': cfg.pretty_text, 'exp_name': Path(cfg.filename).name if cfg.filename else None}


def plain(value: Any) -> Any:
    """``value`` as plain Python, which a checkpoint can carry without unpickling objects."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, 'tolist'):  # arrays and tensors, and their scalars
        return value.tolist()
    return value if isinstance(value, str | int | float | bool | type(None)) else str(value)
