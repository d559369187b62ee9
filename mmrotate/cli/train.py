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
from mmrotate.apis.rate_finder import find_rate
from mmrotate.apis.settling import settle_batch
from mmrotate.cli.basics import run_command, whole_number
from mmrotate.cli.common import CONFIG_HELP, add_config_options, add_launch_options, chosen_device
from mmrotate.cli.own_data import add_training_data, config_for
from mmrotate.engine import (
    init_dist,
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

LATEST = 'latest of work-dir'  # what --resume without a name stands for


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command, named as in MMRotate 0.3."""
    parser.add_argument('config', help=CONFIG_HELP)
    parser.add_argument('--work-dir', '--work_dir', help='folder for logs and checkpoints')
    add_training_data(parser)
    start = parser.add_argument_group('start')
    start.add_argument('--resume-from', metavar='CHECKPOINT', help='go on with a broken training')
    text = 'go on with a broken training: from a checkpoint or, without a name, from the latest of work-dir'
    start.add_argument('--resume', nargs='?', const=LATEST, metavar='CHECKPOINT', help=text)
    start.add_argument('--auto-resume', action='store_true', help='as --resume, but start anew if there is none')
    start.add_argument('--find-lr', action='store_true', help='only find a learning rate, and draw how it was found')
    start.add_argument('--load-from', metavar='CHECKPOINT', help='start from these weights')
    parser.add_argument('--no-validate', action='store_true', help='do not evaluate on the way')
    parser.add_argument('--no-report', action='store_true', help='leave no report.html in work-dir')
    parser.add_argument('--seed', type=whole_number(0), help='random seed; default: a random one, logged')
    parser.add_argument('--diff-seed', action='store_true', help='another seed in each process from the start')
    parser.add_argument('--deterministic', action='store_true', help='deterministic algorithms of cuDNN')
    text = "fit the learning rate to the images a step, in proportion to the config's auto_scale_lr.base_batch_size"
    parser.add_argument('--auto-scale-lr', action='store_true', help=text)
    _add_conveniences(parser)
    parser.add_argument('--gpus', type=int, help=argparse.SUPPRESS)  # older, without effect
    add_config_options(parser, '--options')
    add_launch_options(parser)


def _add_conveniences(parser: argparse.ArgumentParser) -> None:
    """Options that each stand for a key of the config."""
    text = 'images a batch, in each process; auto: as many as fit the GPU or, on the CPU, as take the least time'
    parser.add_argument('--batch', type=batch, metavar='N|auto', help=text)
    steps = parser.add_mutually_exclusive_group()
    steps.add_argument('--accumulate', type=whole_number(1), metavar='N', help='step after every N-th batch')
    text = 'step after as many batches as have N images, of all processes together'
    steps.add_argument('--nominal-batch', type=whole_number(1), metavar='N', help=text)
    text = 'end the training after N evaluations without a better score'
    parser.add_argument('--patience', type=whole_number(1), metavar='N', help=text)
    parser.add_argument('--ema', action='store_true', help='evaluate and save an average of the weights')
    parser.add_argument('--compile', action='store_true', help='compile backbone and neck (torch.compile)')
    parser.add_argument('--compile-whole', action='store_true', help='compile heads and losses, too')
    parser.add_argument('--channels-last', action='store_true', help='keep channels innermost')
    half = parser.add_mutually_exclusive_group()
    half.add_argument('--bf16', action='store_true', help='compute in bfloat16')
    half.add_argument('--fp16', action='store_true', help='compute in float16, with a scale of the loss')


def batch(text: str) -> int | str:
    """A type of option: images of a batch."""
    return text if text == 'auto' else whole_number(1)(text)


def run(args: argparse.Namespace) -> None:
    """Train."""
    cfg = config_for(args)
    _apply(args, cfg)
    init_dist(args.launcher, **dict(cfg.get('dist_params') or {}))
    _choose_start(args, cfg)
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
    distributed = args.launcher != 'none'
    if args.find_lr:
        settle_batch(model, datasets, cfg)
        found = find_rate(model, datasets, cfg, distributed)
        print(f'learning rate: {found.suggestion:g}; {cfg.work_dir}/find_lr.png shows how the loss went')
        return
    train_detector(model, datasets, cfg, distributed, not args.no_validate, timestamp)


def _apply(args: argparse.Namespace, cfg: Config) -> None:
    """Put the options into the config."""
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or f'./work_dirs/{Path(args.config).stem}'
    for key in ('resume_from', 'load_from', 'seed', 'patience', 'nominal_batch'):
        given = getattr(args, key)
        cfg[key] = cfg.get(key) if given is None else given
    for key in ('deterministic', 'diff_seed'):
        cfg[key] = getattr(args, key) or bool(cfg.get(key, False))
    for key in ('ema', 'compile'):
        cfg[key] = cfg.get(key) or getattr(args, key)
    _apply_arithmetic(args, cfg)
    if args.batch is not None:
        cfg.data.samples_per_gpu = args.batch
    if args.accumulate is not None:
        cfg.optimizer_config = {**(cfg.get('optimizer_config') or {}), 'cumulative_iters': args.accumulate}
    if args.no_report:
        cfg.report = False
    if args.auto_scale_lr:
        cfg.auto_scale_lr = {**(cfg.get('auto_scale_lr') or {}), 'enable': True}
    cfg.device = chosen_device(args) or cfg.get('device')


def _apply_arithmetic(args: argparse.Namespace, cfg: Config) -> None:
    """Put what says how the model computes into the config."""
    if args.channels_last:  # False would turn it off in tests, too
        cfg.channels_last = True
    if args.compile_whole:
        cfg.compile = {**_as_dict(cfg.get('compile')), 'whole': True}
    if args.bf16 or args.fp16:
        cfg.bf16 = args.bf16
        cfg.fp16 = _as_dict(cfg.get('fp16')) if args.fp16 else None


def _as_dict(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def _choose_start(args: argparse.Namespace, cfg: Config) -> None:
    """The checkpoint that the training goes on from, if any, as ``resume_from``."""
    if args.resume is None:
        if args.auto_resume or cfg.get('auto_resume'):
            cfg.resume_from = find_latest_checkpoint(cfg.work_dir) or cfg.get('resume_from')
        return
    if args.resume_from or args.auto_resume:
        raise UserError('--resume, --resume-from and --auto-resume: give one of them')
    cfg.resume_from = find_latest_checkpoint(cfg.work_dir) if args.resume == LATEST else args.resume
    if cfg.resume_from is None:
        raise UserError(f'--resume: {cfg.work_dir} has no checkpoint to go on from')


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
