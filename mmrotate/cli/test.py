"""``mmrotate test``: run a detector over a dataset, score it, write its results."""

import argparse
import functools
import pickle
import sys
import time
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction

from mmrotate.apis import draw_results, init_detector, multi_gpu_test, write_results_json
from mmrotate.apis.results import write_json
from mmrotate.cli.common import (
    add_config_options,
    add_launch_options,
    chosen_device,
    open_dataset,
    require_screen,
    run_command,
)
from mmrotate.engine import build_test_loader, init_dist, load_config, loader_options, read_evaluation
from mmrotate.engine.checks import arguments_against, check_testing, report, scoring_against
from mmrotate.utils import UserError, get_root_logger
from mmrotate.utils.fuse import fuse_conv_bn

_OUT_SUFFIXES = ('.pkl', '.pickle', '.json')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command, named as in MMRotate 0.3."""
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file or address')
    parser.add_argument('--work-dir', help='folder for a JSON file with the scores')
    wanted = parser.add_argument_group('what to do with the results (at least one)')
    wanted.add_argument('--out', help='write them to a .pkl or .json file')
    wanted.add_argument('--eval', nargs='+', metavar='METRIC', help='score them, e.g. mAP')
    wanted.add_argument('--format-only', action='store_true', help='write the files of a test server (DOTA Task 1)')
    wanted.add_argument('--show', action='store_true', help='show each picture in a window')
    wanted.add_argument('--show-dir', help='folder for pictures')
    parser.add_argument('--show-score-thr', type=float, default=0.3, help='lowest score drawn (default: 0.3)')
    text = 'arguments of dataset.evaluate() or, with --format-only, dataset.format_results(), '
    text += 'e.g. iou_thr=0.75 or submission_dir=work_dirs/task1'
    parser.add_argument('--eval-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help=text)
    parser.add_argument('--fuse-conv-bn', action='store_true', help='fold batch norms into convolutions')
    parser.add_argument('--gpu-collect', action='store_true', help=argparse.SUPPRESS)  # 0.x,
    parser.add_argument('--tmpdir', help=argparse.SUPPRESS)  # without effect
    add_config_options(parser)
    add_launch_options(parser)


def run(args: argparse.Namespace) -> None:
    """Test."""
    require_screen(args.show, '--show-dir')
    _check_arguments(args)
    cfg = load_config(args.config, args.cfg_options)
    init_dist(args.launcher, **dict(cfg.get('dist_params') or {}))
    logger = get_root_logger(log_level=cfg.get('log_level', 'INFO'))
    dataset = open_dataset(cfg, 'test', test_mode=True)
    _check_options(args, cfg, dataset)
    if args.format_only:
        dataset.check_submission(**(args.eval_options or {}))
    model = init_detector(cfg, args.checkpoint, chosen_device(args) or cfg.get('device'))
    if model.CLASSES is None:
        model.CLASSES = dataset.CLASSES
    check_testing(model, dataset, cfg)
    if args.fuse_conv_bn:
        fuse_conv_bn(model)
    loader = build_test_loader(dataset, **loader_options(cfg, 'test'))
    if (results := multi_gpu_test(model, loader)) is None:  # not rank 0
        return
    if args.out:
        _write(args.out, dataset, results)
        logger.info('results written to %s', args.out)
    if args.show or args.show_dir:
        draw_results(model, dataset, results, args.show, args.show_dir, args.show_score_thr)
    if args.format_only:
        dataset.format_results(results, **(args.eval_options or {}))
    if args.eval:
        _evaluate(args, cfg, dataset, results)


def _check_arguments(args: argparse.Namespace) -> None:
    if not (args.out or args.eval or args.format_only or args.show or args.show_dir):
        raise UserError(
            'nothing would come of this test: say what to do with the results by --eval mAP, '
            '--out FILE, --format-only, --show-dir FOLDER or --show'
        )
    if args.eval and args.format_only:
        raise UserError('--eval and --format-only cannot go together: run them one by one')
    if args.out and not args.out.endswith(_OUT_SUFFIXES):
        raise UserError(f'--out must end in {", ".join(_OUT_SUFFIXES)}, got {args.out}')


def _check_options(args: argparse.Namespace, cfg: Config, dataset: Any) -> None:
    if args.eval:
        where = '--eval, --eval-options, or evaluation of the config'
        report(scoring_against(dataset, _evaluate_options(args, cfg), 'data.test', where))
    elif args.format_only:
        report(arguments_against(dataset, 'format_results', args.eval_options or {}, '--eval-options'))


def _evaluate_options(args: argparse.Namespace, cfg: Config) -> dict[str, Any]:
    evaluation = read_evaluation(cfg)
    options = {'logger': get_root_logger(), **(evaluation.options if evaluation else {}), **(args.eval_options or {})}
    return {**options, 'metric': args.eval if len(args.eval) > 1 else args.eval[0]}


def _write(path: str, dataset: Any, results: list[Any]) -> None:
    target = Path(path)
    if target.suffix == '.json':
        names = [dataset.image_name(i) for i in range(len(dataset))]
        write_results_json(target, names, results, dataset.CLASSES)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open('wb') as stream:
        pickle.dump(results, stream)


def _evaluate(args: argparse.Namespace, cfg: Config, dataset: Any, results: list[Any]) -> None:
    metrics = dataset.evaluate(results, **_evaluate_options(args, cfg))
    metrics = {name: float(value) for name, value in metrics.items()}
    print(metrics)
    if args.work_dir:
        content = {'config': args.config, 'checkpoint': args.checkpoint, 'metric': metrics}
        write_json(Path(args.work_dir, time.strftime('eval_%Y%m%d_%H%M%S.json')), content)


_DESCRIPTION = 'Run a detector over the test data of a config.'
main = functools.partial(run_command, add_arguments, run, 'mmrotate test', _DESCRIPTION)


if __name__ == '__main__':
    sys.exit(main())
