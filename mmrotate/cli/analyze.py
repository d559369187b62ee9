"""``mmrotate analyze``: tables and pictures of logs and results."""

import argparse
import functools
import sys
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib import style

from mmrotate.analysis.curves import plot_curves
from mmrotate.analysis.figures import check_figure, checked_style, save_figure, show_figure
from mmrotate.analysis.logs import TrainingLog, home_of, train_time
from mmrotate.cli.common import run_command, whole_number
from mmrotate.cli.group import Commands, run_group
from mmrotate.core.visualization import has_screen
from mmrotate.utils import UserError, get_root_logger
from mmrotate.utils.places import check_outputs

PROG = 'mmrotate analyze'
FOLDER = 'analysis'  # beside the input, for what is written where no place is named


def add_curve_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``logs plot_curve``, named as in 0.3."""
    _add_logs(parser)
    parser.add_argument('--keys', nargs='+', default=['bbox_mAP'], help='what to draw (default: bbox_mAP)')
    parser.add_argument('--start-epoch', type=whole_number(1), default=1, help='leave out earlier epochs')
    text = 'without effect, of older command lines: a log says itself when it was validated'
    parser.add_argument('--eval-interval', type=whole_number(1), help=text)
    parser.add_argument('--title', help='title of the figure')
    parser.add_argument(
        '--legend', nargs='+', help='a name for each line: all keys of the first log, of the second, ..'
    )
    parser.add_argument('--backend', help='what matplotlib opens windows with, e.g. TkAgg')
    text = 'darkgrid, whitegrid, dark, white, ticks, or a style of matplotlib (default: a plain one)'
    parser.add_argument('--style', default='default', help=text)
    text = (
        f'file of the figure, e.g. .png, .pdf; default: a window or, without a screen, {FOLDER}/KEYS.png beside the log'
    )
    parser.add_argument('--out', help=text)


def _add_logs(parser: argparse.ArgumentParser) -> None:
    text = 'logs: TIMESTAMP.log.json, vis_data/scalars.json, or work directories, of which the latest is taken'
    parser.add_argument('json_logs', nargs='+', help=text)


def run_curves(args: argparse.Namespace) -> None:
    """Draw curves."""
    if args.eval_interval is not None:
        get_root_logger().warning('--eval-interval has no effect: the log says itself when it was validated')
    logs = [TrainingLog(path) for path in args.json_logs]
    if args.backend:
        _choose_backend(args.backend)
    out = args.out
    if out is None and not has_screen():
        out = home_of(logs[0].path) / FOLDER / f'{"_".join(args.keys)}.png'.replace('/', '_')
    if out is not None:
        check_figure(out)
        check_outputs([('--out', Path(out))], [log.path for log in logs])
    with style.context(checked_style(args.style)):
        figure = plot_curves(logs, args.keys, args.legend, args.title, args.start_epoch)
        if out is None:
            show_figure(figure, args.title or ', '.join(args.keys))
        else:
            print(f'curves written to {save_figure(figure, out)}')


def add_time_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``logs cal_train_time``, named as in 0.3."""
    _add_logs(parser)
    text = 'count the first line of each epoch too, which holds the start of the data loader'
    parser.add_argument('--include-outliers', action='store_true', help=text)


def run_time(args: argparse.Namespace) -> None:
    """Tell the time of an iteration."""
    for path in args.json_logs:
        log = TrainingLog(path)
        print(f'-----Analyze train time of {log.path}-----')
        print(train_time(log, args.include_outliers))


def _choose_backend(name: str) -> None:
    try:
        plt.switch_backend(name)
    except (ImportError, ValueError) as error:
        raise UserError(f'--backend {name} cannot be used here: {error}') from error


_LOGS: Commands = {
    'plot_curve': (
        functools.partial(run_command, add_curve_arguments, run_curves, f'{PROG} logs plot_curve', 'Draw curves.'),
        'draw losses, scores or whatever else a log holds',
    ),
    'cal_train_time': (
        functools.partial(
            run_command, add_time_arguments, run_time, f'{PROG} logs cal_train_time', 'The time of an iteration.'
        ),
        'tell how long an iteration of a training took',
    ),
}


def run_logs(argv: Sequence[str]) -> int:
    """``mmrotate analyze logs``."""
    return run_group(argparse.ArgumentParser(f'{PROG} logs', description='Analyze logs of trainings.'), _LOGS, argv)


COMMANDS: Commands = {'logs': (run_logs, 'curves and times of trainings')}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command of ``argv`` (default: the process's); gives the exit code."""
    parser = argparse.ArgumentParser(PROG, description='Tables and pictures of logs and results.')
    return run_group(parser, COMMANDS, list(sys.argv[1:] if argv is None else argv))
