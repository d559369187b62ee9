"""``mmrotate analyze``: tables and pictures of logs and results."""

import argparse
import functools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib import style
from mmengine.config import Config
from tqdm import tqdm

from mmrotate.analysis.coco import TYPES, judged_coco
from mmrotate.analysis.confusion import BACKGROUND, COUNTINGS, confusion_matrix, draw_confusion
from mmrotate.analysis.curves import plot_curves
from mmrotate.analysis.error_report import FILES, write_errors
from mmrotate.analysis.errors import Errors, find_errors
from mmrotate.analysis.examples import draw_examples
from mmrotate.analysis.figures import check_figure, checked_style, checked_theme, save_figure, show_figure
from mmrotate.analysis.logs import TrainingLog, home_of, train_time
from mmrotate.analysis.ranking import picture_name, rank_images, side_by_side
from mmrotate.analysis.results import Judged, at_least, judged, judging, read_results
from mmrotate.analysis.run_report import write_report
from mmrotate.analysis.tables import write_table
from mmrotate.analysis.truth import judged_labels
from mmrotate.cli.basics import require_screen, run_command, score, whole_number
from mmrotate.cli.common import add_config_options
from mmrotate.cli.group import Commands, run_group
from mmrotate.cli.scoring import (
    add_eval_options,
    add_score_options,
    check_score_arguments,
    check_score_options,
    print_scores,
    write_submission,
)
from mmrotate.cli.sources import is_data
from mmrotate.core.visualization import has_screen, imshow_det_rbboxes, write_image
from mmrotate.datasets.sources import recognise
from mmrotate.engine import files_of_config, load_config, open_dataset, read_evaluation
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


def run_logs(argv: Sequence[str]) -> int:
    """``mmrotate analyze logs``."""
    return run_group(argparse.ArgumentParser(f'{PROG} logs', description='Analyze logs of trainings.'), _LOGS, argv)


def _add_results(parser: argparse.ArgumentParser, folder: str) -> None:
    """Config and results, and by the name ``folder`` the place for what is written."""
    parser.add_argument('config', help='config, whose data.test the results are of')
    parser.add_argument('prediction_path', help='results: a .pkl or .json of tools/test.py --out')
    _add_folder(parser, folder)
    add_config_options(parser)


def _add_folder(parser: argparse.ArgumentParser, name: str) -> None:
    text = f'folder for what is written (default: {FOLDER}/NAME beside the results NAME.pkl)'
    parser.add_argument(name, nargs='?', help=text)


def _checked_folder(given: str | None, results: str, name: str, outputs: Sequence[str], inputs: Sequence[Path]) -> Path:
    """Folder for ``outputs`` of an analysis of ``results``; none of them is an input."""
    path = Path(results)
    folder = path.parent / FOLDER / path.stem if given is None else Path(given)
    files = [(f'{name}: the output', folder / output) for output in outputs]
    check_outputs(files, [path, *inputs], [(name, folder)])
    return folder


def _test_data(args: argparse.Namespace) -> tuple[Config, Any]:
    """The config, and its test data."""
    cfg = load_config(args.config, args.cfg_options)
    return cfg, open_dataset(cfg, 'test', test_mode=True)


def _image_paths(dataset: Any) -> list[Path]:
    return [Path(dataset.image_path(i)) for i in range(len(dataset))]


def add_ranking_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``results``, named as in MMDetection 2.28."""
    _add_results(parser, 'show_dir')
    parser.add_argument('--show', action='store_true', help='show the pictures in windows too')
    parser.add_argument('--wait-time', type=float, default=0, help='seconds a window stays; 0: until it is closed')
    text = 'how many of the best and how many of the worst images (default: 20)'
    parser.add_argument('--topk', type=whole_number(1), default=20, help=text)
    parser.add_argument('--show-score-thr', type=score, default=0, help='lowest score that is drawn (default: 0)')


def run_ranking(args: argparse.Namespace) -> None:
    """Draw the best and the worst images, truth beside prediction."""
    require_screen(args.show, 'show_dir')
    cfg, dataset = _test_data(args)
    paths = _image_paths(dataset)
    inputs = [*files_of_config(cfg), *paths]
    folder = _checked_folder(args.show_dir, args.prediction_path, 'show_dir', ['images.csv'], inputs)
    found = judged(dataset, args.prediction_path)
    ranked = rank_images(found, args.show_score_thr, progress=True)
    table = ([found.images[i], *rest] for i, *rest in ranked)
    write_table(folder / 'images.csv', ['image', 'mAP', 'objects', 'detections'], table)
    count = min(args.topk, (len(ranked) + 1) // 2)  # no image is both, but for the one in the middle
    chosen = [('good', image) for image in ranked[:count]] + [('bad', image) for image in ranked[::-1][:count]]
    for kind, (i, value, _, _) in tqdm(chosen, 'pictures'):
        of_image = (paths[i], found.results[i], found.annotations[i])
        picture = side_by_side(*of_image, found.classes, dataset.PALETTE, args.show_score_thr)
        write_image(folder / kind / picture_name(found.images[i], value), picture)
        if args.show:
            imshow_det_rbboxes(picture, win_name=f'{kind}: {found.images[i]}', wait_time=args.wait_time)
    print(f'{count} best and {count} worst images, and images.csv with all, written to {folder}')


def add_confusion_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``confusion``, named as in 0.3."""
    _add_results(parser, 'save_dir')
    parser.add_argument('--show', action='store_true', help='show the matrix in a window too')
    parser.add_argument('--color-theme', default='plasma', help='colour map of matplotlib (default: plasma)')
    parser.add_argument('--score-thr', type=score, default=0.3, help='lowest score that counts (default: 0.3)')
    text = 'IoU from which a detection lies at an object (default: 0.5)'
    parser.add_argument('--tp-iou-thr', type=score, default=0.5, help=text)
    text = 'thin out detections of a class that overlap more (default: leave them as they are)'
    parser.add_argument('--nms-iou-thr', type=score, help=text)
    text = 'once: each object and each detection once; pairs: each pair that overlaps, as 0.3 counted (default: once)'
    parser.add_argument('--counting', choices=COUNTINGS, default='once', help=text)


def run_confusion(args: argparse.Namespace) -> None:
    """Count and draw a confusion matrix."""
    require_screen(args.show, 'save_dir')
    theme = checked_theme(args.color_theme)
    cfg, dataset = _test_data(args)
    names = [f'confusion_matrix.{ending}' for ending in ('png', 'csv')]
    folder = _checked_folder(args.save_dir, args.prediction_path, 'save_dir', names, files_of_config(cfg))
    found = judged(dataset, args.prediction_path)
    thresholds = (args.score_thr, args.tp_iou_thr, args.nms_iou_thr)
    matrix = confusion_matrix(found, *thresholds, args.counting, progress=True)
    figure = draw_confusion(matrix, found.classes, theme)
    classes = [*found.classes, BACKGROUND]
    rows = ([name, *map(int, row)] for name, row in zip(classes, matrix, strict=True))
    write_table(folder / names[1], ['truth', *classes], rows)
    print(f'confusion matrix written to {save_figure(figure, folder / names[0])} and .csv')
    if args.show:
        show_figure(figure, 'confusion matrix')


def add_error_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``errors``, named as in MMDetection 2.28."""
    text = 'results: a .pkl or .json of tools/test.py --out, or with COCO annotations their result file'
    parser.add_argument('result', help=text)
    _add_folder(parser, 'out_dir')
    text = 'the truth: a config, whose data.test the results are of, a .json with annotations of COCO, or, for results '
    text += 'in a .json, labels of any format'
    parser.add_argument('--ann', required=True, help=text)
    text = 'boxes of COCO files: bbox, upright; segm, rotated around the polygons (default: segm if there are polygons)'
    parser.add_argument('--types', nargs='+', choices=TYPES, help=text)
    text = 'IoU from which a detection is right (default: evaluation.iou_thr of the config, else 0.5)'
    parser.add_argument('--iou-thr', type=score, help=text)
    parser.add_argument('--score-thr', type=score, default=0.0, help='leave out detections below it (default: none)')
    add_config_options(parser)


def run_errors(args: argparse.Namespace) -> None:
    """Tell what is wrong with detections, and what each kind of error costs."""
    if args.ann.endswith('.json'):
        _errors_of_coco(args)
    elif is_data(args.ann):
        _errors_of_data(args)
    else:
        _errors_of_config(args)


def _errors_of_config(args: argparse.Namespace) -> None:
    if 'segm' in (args.types or ()):
        raise UserError('--types segm is for COCO files: the results of a config are rotated boxes')
    cfg = load_config(args.ann, args.cfg_options)
    dataset = open_dataset(cfg, 'test', test_mode=True)
    inputs = [*files_of_config(cfg), *_image_paths(dataset)]
    folder = _checked_folder(args.out_dir, args.result, 'out_dir', (*FILES, 'examples.png'), inputs)
    evaluation = read_evaluation(cfg)
    rules = judging(dataset, evaluation.options if evaluation else {})
    errors = _tell_errors(args, judged(dataset, args.result), folder, *rules)
    write_image(folder / 'examples.png', draw_examples(errors, dataset.image_path))


def _errors_of_data(args: argparse.Namespace) -> None:
    if args.cfg_options or args.types:
        raise UserError('--cfg-options and --types do not go with DATA as --ann')
    source = recognise(args.ann)
    print(source.describe())
    folder = _checked_folder(args.out_dir, args.result, 'out_dir', FILES, [Path(args.ann)])
    _tell_errors(args, judged_labels(args.result, source), folder)


def _errors_of_coco(args: argparse.Namespace) -> None:
    if args.cfg_options:
        raise UserError('--cfg-options needs a config as --ann')
    types = args.types or [None]
    parts = {kind: '' if len(types) == 1 else kind for kind in types}
    files = [str(Path(part, name)) for part in parts.values() for name in FILES]
    folder = _checked_folder(args.out_dir, args.result, 'out_dir', files, [Path(args.ann)])
    for kind, part in parts.items():
        _tell_errors(args, judged_coco(args.result, args.ann, kind), folder / part)


def _tell_errors(
    args: argparse.Namespace, found: Judged, folder: Path, iou_thr: float = 0.5, use_07_metric: bool = True
) -> Errors:
    """Find errors, print their table and write the others."""
    iou_thr = iou_thr if args.iou_thr is None else args.iou_thr
    errors = find_errors(at_least(found, args.score_thr), iou_thr, use_07_metric, progress=True)
    print(write_errors(errors, folder)['by_kind'])
    print(f'tables and pictures written to {folder}')
    return errors


def add_scoring_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``eval``, named as in MMDetection 2.28."""
    parser.add_argument('config', help='config, whose data.test the results are of')
    parser.add_argument('pkl_results', help='results: a .pkl or .json of tools/test.py --out')
    add_score_options(parser)
    add_eval_options(parser)
    add_config_options(parser)


def run_scoring(args: argparse.Namespace) -> None:
    """Score results, or write them for a test server."""
    check_score_arguments(args)
    if not (args.eval or args.format_only):
        raise UserError('say what to do with the results: --eval mAP or --format-only')
    cfg, dataset = _test_data(args)
    check_score_options(args, cfg, dataset)
    results = read_results(args.pkl_results, dataset)
    if args.format_only:
        write_submission(args, dataset, results)
    else:
        print_scores(args, cfg, dataset, results)


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """The one argument of ``run``."""
    parser.add_argument('folder', help='folder of a training: its work-dir')


def run_report(args: argparse.Namespace) -> None:
    """Make the report on a training again, from its folder alone."""
    print(f'report written: {write_report(args.folder)}')


def _commands(group: str, **parts: tuple[Callable[[Any], None], Callable[[argparse.Namespace], None], str]) -> Commands:
    """Commands of ``group``, from how each adds its options, how it runs, and its help."""
    return {
        name: (functools.partial(run_command, add, run, f'{group} {name}', run.__doc__ or ''), text)
        for name, (add, run, text) in parts.items()
    }


_LOGS = _commands(
    f'{PROG} logs',
    plot_curve=(add_curve_arguments, run_curves, 'draw losses, scores or whatever else a log holds'),
    cal_train_time=(add_time_arguments, run_time, 'tell how long an iteration of a training took'),
)
COMMANDS: Commands = {
    'logs': (run_logs, 'curves and times of trainings'),
    **_commands(
        PROG,
        run=(add_run_arguments, run_report, 'the report on a training; `mmrotate analyze FOLDER` does the same'),
        results=(add_ranking_arguments, run_ranking, 'the best and the worst images, truth beside prediction'),
        confusion=(add_confusion_arguments, run_confusion, 'which class is found as which'),
        errors=(add_error_arguments, run_errors, 'what is wrong with detections, and what it costs'),
        eval=(add_scoring_arguments, run_scoring, 'score results, or write them for a test server'),
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command of ``argv`` (default: the process's); gives the exit code."""
    parser = argparse.ArgumentParser(PROG, description='Tables and pictures of logs and results.')
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] not in COMMANDS and (Path(words[0]).is_dir() or len(Path(words[0]).parts) > 1):
        words = ['run', *words]
    return run_group(parser, COMMANDS, words)
