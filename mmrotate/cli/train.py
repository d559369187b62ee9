"""``mmrotate train``: train a detector."""

import argparse
import functools
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmrotate.apis import train_detector, training_seed, without_pretrained
from mmrotate.apis.inference import innermost_dataset
from mmrotate.cli.common import (
    CONFIG_HELP,
    add_config_options,
    add_launch_options,
    chosen_device,
    run_command,
    whole_number,
)
from mmrotate.engine import (
    init_dist,
    load_config,
    model_config,
    open_dataset,
    own_folders,
    rank_and_size,
    read_plan,
    share_from_first,
    told_how_to_resume,
)
from mmrotate.engine.checkpoint_hook import checkpoint_folder
from mmrotate.engine.checks import check_work_dir
from mmrotate.models import build_detector
from mmrotate.utils import UserError, find_latest_checkpoint, get_root_logger, set_random_seed
from mmrotate.utils.files import split_template, unused_stem
from mmrotate.utils.zoo import is_zoo_name, near_zoo_names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command, named as in MMRotate 0.3."""
    parser.add_argument('config', help=CONFIG_HELP)
    parser.add_argument('--work-dir', '--work_dir', help='folder for logs and checkpoints')
    start = parser.add_argument_group('start')
    start.add_argument('--resume-from', metavar='CHECKPOINT', help='go on with a broken training')
    start.add_argument('--auto-resume', action='store_true', help='go on from the latest checkpoint of work-dir')
    start.add_argument('--load-from', metavar='CHECKPOINT', help='start from these weights')
    parser.add_argument('--no-validate', action='store_true', help='do not evaluate on the way')
    parser.add_argument('--seed', type=whole_number(0), help='random seed; default: a random one, logged')
    parser.add_argument('--diff-seed', action='store_true', help='another seed in each process from the start')
    parser.add_argument('--deterministic', action='store_true', help='deterministic algorithms of cuDNN')
    text = "fit the learning rate to the images a step, in proportion to the config's auto_scale_lr.base_batch_size"
    parser.add_argument('--auto-scale-lr', action='store_true', help=text)
    parser.add_argument('--gpus', type=int, help=argparse.SUPPRESS)  # older, without effect
    add_config_options(parser, '--options')
    add_launch_options(parser)


def run(args: argparse.Namespace) -> None:
    """Train."""
    cfg = load_config(args.config, args.cfg_options)
    _apply(args, cfg)
    init_dist(args.launcher, **dict(cfg.get('dist_params') or {}))
    if args.auto_resume or cfg.get('auto_resume'):
        cfg.resume_from = find_latest_checkpoint(cfg.work_dir) or cfg.get('resume_from')
    for path in filter(None, (cfg.get('resume_from'), cfg.get('load_from'))):
        if not ('://' in path or is_zoo_name(path) or os.path.isfile(path)):
            raise UserError(f'checkpoint {path} does not exist{near_zoo_names(path)}')
    _spare_weights(cfg)
    read_plan(cfg)  # before anything is opened: is the training part of the config sound?
    check_work_dir(cfg)
    with own_folders(cfg), told_how_to_resume(cfg):
        _train(args, cfg)


def _train(args: argparse.Namespace, cfg: Config) -> None:
    # two trainings in one second, one after the other, do not share a log
    timestamp = share_from_first(unused_stem(Path(cfg.work_dir), time.strftime('%Y%m%d_%H%M%S'), '.log'))
    logger = get_root_logger(Path(cfg.work_dir, f'{timestamp}.log'), cfg.get('log_level', 'INFO'))
    if args.gpus is not None:
        logger.warning('--gpus has no effect: one process uses one GPU, see tools/dist_train.sh')
    cfg.seed = training_seed(cfg)
    set_random_seed(cfg.seed + (rank_and_size()[0] if cfg.diff_seed else 0), cfg.deterministic)
    datasets = _datasets(cfg)
    model = _model(cfg)
    model.CLASSES, model.PALETTE = datasets[0].CLASSES, getattr(datasets[0], 'PALETTE', None)
    train_detector(model, datasets, cfg, args.launcher != 'none', not args.no_validate, timestamp)


def _apply(args: argparse.Namespace, cfg: Config) -> None:
    """Put the options into the config."""
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or f'./work_dirs/{Path(args.config).stem}'
    for key in ('resume_from', 'load_from', 'seed'):
        given = getattr(args, key)
        cfg[key] = cfg.get(key) if given is None else given
    for key in ('deterministic', 'diff_seed'):
        cfg[key] = getattr(args, key) or bool(cfg.get(key, False))
    if args.auto_scale_lr:
        cfg.auto_scale_lr = {**(cfg.get('auto_scale_lr') or {}), 'enable': True}
    cfg.device = chosen_device(args) or cfg.get('device')


def _spare_weights(cfg: Config) -> None:
    """Refuse to start from weights that lie where this training's own will."""
    start, saving = Path(cfg.get('load_from') or ''), cfg.get('checkpoint_config') or {}
    places = [saving.get('out_dir'), (cfg.get('evaluation') or {}).get('out_dir'), None]
    before, after = split_template(saving.get('filename_tmpl') or 'epoch_{}.pth') or ('', '')
    own = rf'((epoch|iter)_\d+|latest|best_.*)\.pth|{re.escape(before)}\d+{re.escape(after)}'
    if not re.fullmatch(own, start.name) or cfg.get('resume_from'):
        return
    if start.resolve().parent in {checkpoint_folder(cfg.work_dir, place).resolve() for place in places}:
        raise UserError(f'load_from {start} lies where this training writes its own: name another --work-dir')


def _datasets(cfg: Config) -> list[Any]:
    datasets = [open_dataset(cfg, 'train')]
    if read_plan(cfg).workflow.validates:
        train = cfg.data.train
        pipeline = innermost_dataset(train)['pipeline']
        if isinstance(train, dict) and train.get('type') == 'MultiImageMixDataset':  # it has the rest of the pipeline
            cfg = Config({'data': {'val': {**train, 'dataset': cfg.data.val}}})
        datasets.append(open_dataset(cfg, 'val', pipeline=pipeline, test_mode=False))
    return datasets


def _model(cfg: Config) -> Any:
    # a resumed detector gets all weights from its checkpoint: nothing else is read or downloaded
    config = without_pretrained(model_config(cfg)) if cfg.get('resume_from') else model_config(cfg)
    model: Any = build_detector(config, train_cfg=cfg.get('train_cfg'), test_cfg=cfg.get('test_cfg'))
    model.init_weights()
    return model


main = functools.partial(run_command, add_arguments, run, 'mmrotate train', 'Train a detector.')


if __name__ == '__main__':
    sys.exit(main())
