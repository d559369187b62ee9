"""What the commands share that score results: options of an evaluation, and what comes of it."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction

from mmrotate.engine import read_evaluation
from mmrotate.engine.checks import arguments_against, report, scoring_against
from mmrotate.utils import UserError, get_root_logger
from mmrotate.utils.places import Output, check_outputs


def add_score_options(parser: Any) -> None:
    """``--eval`` and ``--format-only``, for a parser or a group of it."""
    parser.add_argument('--eval', nargs='+', metavar='METRIC', help='score them, e.g. mAP')
    parser.add_argument('--format-only', action='store_true', help='write the files of a test server (DOTA Task 1)')


def add_eval_options(parser: argparse.ArgumentParser) -> None:
    """``--eval-options``, and its older name."""
    text = 'arguments of dataset.evaluate() or, with --format-only, dataset.format_results(), '
    text += 'e.g. iou_thr=0.75 or submission_dir=work_dirs/task1'
    kind: dict[str, Any] = dict(nargs='+', action=DictAction, metavar='KEY=VALUE')
    parser.add_argument('--eval-options', help=text, **kind)
    parser.add_argument('--options', help='older name of --eval-options', **kind)


def check_score_arguments(args: argparse.Namespace) -> None:
    """Refuse options that contradict each other; ``args.eval_options`` holds them afterwards, whatever their name."""
    if args.options and args.eval_options:
        raise UserError('--options is the older name of --eval-options: give one of them')
    args.eval_options = args.eval_options or args.options
    if args.eval and args.format_only:
        raise UserError('--eval and --format-only cannot go together: run them one by one')
    if args.eval_options and not (args.eval or args.format_only):
        raise UserError('--eval-options go to --eval or --format-only: give one of these')


def check_score_options(args: argparse.Namespace, cfg: Config, dataset: Any) -> None:
    """Refuse a metric or options that ``dataset`` does not know, or a submission that cannot be written."""
    if args.eval:
        where = '--eval, --eval-options, or evaluation of the config'
        report(scoring_against(dataset, evaluate_options(args, cfg), 'data.test', where))
    elif args.format_only:
        report(arguments_against(dataset, 'format_results', args.eval_options or {}, '--eval-options'))
        dataset.check_submission(**(args.eval_options or {}))


def check_places(
    args: argparse.Namespace,
    dataset: Any,
    inputs: Sequence[str | Path],
    files: Sequence[Output] = (),
    work_dir: str | None = None,
) -> None:
    """Refuse places of ``--out``, ``--show-dir``, a submission and others that would do harm or cannot be written."""
    outputs = [*([('--out', Path(args.out))] if args.out else []), *files]
    if args.show_dir:
        outputs += [('the picture', path) for path in dict.fromkeys(pictures_of(args, dataset))]
    submission = (args.eval_options or {}).get('submission_dir') if args.format_only else None
    named = {'--show-dir': args.show_dir, '--work-dir': work_dir, 'submission_dir': submission}
    folders = [(option, Path(folder)) for option, folder in named.items() if folder]
    check_outputs(outputs, [*(dataset.image_path(i) for i in range(len(dataset))), *inputs], folders)


def pictures_of(args: argparse.Namespace, dataset: Any) -> list[Path]:
    """Where ``--show-dir`` puts the picture of each image."""
    return [Path(args.show_dir, dataset.image_name(i)) for i in range(len(dataset))]


def evaluate_options(args: argparse.Namespace, cfg: Config) -> dict[str, Any]:
    """Arguments of ``dataset.evaluate``: those of the config, over them those of the command line."""
    evaluation = read_evaluation(cfg)
    options = {'logger': get_root_logger(), **(evaluation.options if evaluation else {}), **(args.eval_options or {})}
    return {**options, 'metric': args.eval if len(args.eval) > 1 else args.eval[0]}


def write_submission(args: argparse.Namespace, dataset: Any, results: Any) -> None:
    """The files of ``--format-only``."""
    written = dataset.format_results(results, **(args.eval_options or {}))
    if isinstance(written, tuple):  # a dataset of one's own may give what it likes
        print(f'files of the test server written: {written[1]}')


def print_scores(args: argparse.Namespace, cfg: Config, dataset: Any, results: Any) -> dict[str, float]:
    """What ``--eval`` asks for; it is given too."""
    metrics = dataset.evaluate(results, **evaluate_options(args, cfg))
    metrics = {name: float(value) for name, value in metrics.items()}
    print(metrics)
    return metrics
