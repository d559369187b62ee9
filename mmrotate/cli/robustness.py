"""``mmrotate robustness``: a detector tested on images that are made worse."""

import argparse
import functools
import itertools
import json
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction

from mmrotate.apis import draw_result, init_detector
from mmrotate.apis.results import write_json
from mmrotate.cli.basics import require_screen, run_command, score, whole_number
from mmrotate.cli.common import (
    CHECKPOINT_HELP,
    CONFIG_HELP,
    add_config_options,
    add_launch_options,
    chosen_device,
    made_with,
    prepare_loading,
)
from mmrotate.cli.robustness_eval import BENCHMARK, GROUPS, add_print_options, print_table
from mmrotate.core.images import read_image
from mmrotate.datasets.pipelines.corrupt import CORRUPTIONS, MAX_SEVERITY, Corrupt
from mmrotate.engine import (
    build_test_loader,
    files_of_config,
    init_dist,
    load_config,
    loader_options,
    open_dataset,
    predict_everywhere,
    read_evaluation,
)
from mmrotate.engine.checks import check_testing, report, scoring_against
from mmrotate.engine.distributed import rank_and_size
from mmrotate.utils import UserError
from mmrotate.utils.places import check_outputs

_SETS = {'all': tuple(CORRUPTIONS), 'benchmark': BENCHMARK, **GROUPS}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command, named as in MMDetection 2."""
    parser.add_argument('config', help=CONFIG_HELP)
    parser.add_argument('checkpoint', help=CHECKPOINT_HELP)
    text = '.json file for the scores, written after each test (default: work_dirs/CONFIG/robustness.json)'
    parser.add_argument('--out', help=text)
    parser.add_argument('--resume', action='store_true', help='skip the tests whose scores --out holds')
    text = f'single ones, or {", ".join(_SETS)} (default: benchmark)'
    choices = (*_SETS, *CORRUPTIONS)
    parser.add_argument(
        '--corruptions', nargs='+', choices=choices, default=['benchmark'], metavar='CORRUPTION', help=text
    )
    levels = range(MAX_SEVERITY + 1)
    text = f'0 (as they are) to {MAX_SEVERITY} (default: all)'
    parser.add_argument(
        '--severities', type=int, nargs='+', choices=levels, default=list(levels), metavar='LEVEL', help=text
    )
    parser.add_argument('--eval', nargs='+', default=['mAP'], metavar='METRIC', help='scores (default: mAP)')
    parser.add_argument('--iou-thr', type=float, nargs='+', help='IoU from which on a box is found')
    parser.add_argument('--eval-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='as of mmrotate test')
    parser.add_argument('--workers', type=whole_number(0), help='processes that read images (default: by the config)')
    parser.add_argument('--show', action='store_true', help='show each picture in a window')
    parser.add_argument('--show-dir', help='folder for pictures; below it CORRUPTION/LEVEL')
    parser.add_argument('--show-score-thr', type=score, default=0.3, help='lowest score drawn (default: 0.3)')
    parser.add_argument('--seed', type=whole_number(0), default=0, help='of the noise (default: 0)')
    parser.add_argument('--summaries', action='store_true', help='print the table after each corruption')
    add_print_options(parser, '--final-prints', '--final-prints-aggregate')
    add_config_options(parser)
    add_launch_options(parser)


def run(args: argparse.Namespace) -> None:
    """Test under each corruption and severity, write the scores, print the table."""
    require_screen(args.show, '--show-dir')
    step = Corrupt('gaussian_noise', 0, args.seed)
    names = dict.fromkeys(itertools.chain(*(_SETS.get(name, (name,)) for name in args.corruptions)))
    for name in names:
        Corrupt(name)  # refuses those that cannot be made
    out = Path(args.out or Path('work_dirs', Path(args.config).stem, 'robustness.json'))
    if out.suffix != '.json':
        raise UserError(f'--out {out}: a name that ends in .json is needed')
    cfg = load_config(args.config, args.cfg_options)
    prepare_loading(cfg)
    init_dist(args.launcher, **dict(cfg.get('dist_params') or {}))
    dataset = open_dataset(cfg, 'test', test_mode=True)
    options = _evaluate_options(args, cfg)
    report(scoring_against(dataset, options, 'data.test', '--eval, --eval-options, or evaluation of the config'))
    folders = [('--show-dir', Path(args.show_dir))] if args.show_dir else []
    check_outputs([('--out', out)], [args.checkpoint, *files_of_config(cfg)], folders)
    model = init_detector(cfg, args.checkpoint, chosen_device(args) or cfg.get('device'))
    model.CLASSES = model.CLASSES or dataset.CLASSES
    check_testing(model, dataset, cfg)
    for leaf in dataset.leaves:
        _insert_after_loading(leaf.pipeline.transforms, step)
    about = made_with(cfg, args.config, args.checkpoint, seed=args.seed, scoring=repr(sorted(options.items())))
    scores = _written(out, about) if args.resume else {}
    for step.corruption, step.severity in itertools.product(names, sorted(set(args.severities))):
        levels = scores.setdefault(step.corruption, {})
        if str(step.severity) in levels:
            continue
        known = _clean(scores, step)  # on other ranks than 0 it is empty
        levels[str(step.severity)] = _score(args, cfg, model, dataset, step, options) if known is None else known
        if rank_and_size()[0] == 0:
            write_json(out, {'made_with': about, 'scores': scores})
            if args.summaries and step.severity == max(args.severities):
                _print(args, {step.corruption: levels}, 'all')
    if rank_and_size()[0] == 0:
        _print(args, scores, 'all' if not set(scores) & set(BENCHMARK) else args.aggregate)
        print(f'written: {out}')


def _evaluate_options(args: argparse.Namespace, cfg: Config) -> dict[str, Any]:
    evaluation = read_evaluation(cfg)
    options = {**(evaluation.options if evaluation else {}), **(args.eval_options or {})}
    if args.iou_thr:
        options['iou_thr'] = args.iou_thr[0] if len(args.iou_thr) == 1 else args.iou_thr
    return {**options, 'metric': args.eval if len(args.eval) > 1 else args.eval[0]}


def _insert_after_loading(steps: list[Any], step: Corrupt) -> None:
    place = next((i for i, other in enumerate(steps) if type(other).__name__.startswith('LoadImage')), None)
    if place is None:
        raise UserError('the test pipeline has no step LoadImage..., after which images could be made worse')
    steps.insert(place + 1, step)


def _written(out: Path, about: dict[str, Any]) -> dict[str, Any]:
    """The scores of an earlier run of the same kind."""
    if not out.is_file():
        return {}
    content = json.loads(out.read_text(encoding='utf-8'))
    if other := [key for key, value in about.items() if content.get('made_with', {}).get(key) != value]:
        raise UserError(f'--resume: {out} was made with another {", ".join(other)}: name another --out')
    return content['scores']


def _clean(scores: dict[str, Any], step: Corrupt) -> dict[str, float] | None:
    """The score at severity 0, which is that of every corruption, once it is known."""
    if step.severity:
        return None
    return next((levels['0'] for levels in scores.values() if '0' in levels), None)


def _score(
    args: argparse.Namespace, cfg: Config, model: Any, dataset: Any, step: Corrupt, options: dict[str, Any]
) -> dict[str, float]:
    """Metrics under one corruption; an empty dict on other ranks than 0."""
    given = loader_options(cfg, 'test')
    loader = build_test_loader(
        dataset, **(given if args.workers is None else {**given, 'workers_per_gpu': args.workers})
    )
    results = predict_everywhere(model, loader, len(dataset))
    if results is None:
        return {}
    if args.show or args.show_dir:
        _draw(args, model, dataset, step, results)
    metrics = {name: float(value) for name, value in dataset.evaluate(results, **options).items()}
    print(f'{step.corruption}, severity {step.severity}: {metrics}')
    return metrics


def _draw(args: argparse.Namespace, model: Any, dataset: Any, step: Corrupt, results: list[Any]) -> None:
    for index, result in enumerate(results):
        img = step({'img': read_image(dataset.image_path(index))})['img']
        target = None
        if args.show_dir:
            target = Path(args.show_dir, step.corruption, str(step.severity), dataset.image_name(index))
        draw_result(model, img, result, target, args.show, score_thr=args.show_score_thr)


def _print(args: argparse.Namespace, scores: dict[str, Any], aggregate: str) -> None:
    first = next(iter(next(iter(scores.values())).values()))
    print_table(scores, list(first), args.prints, aggregate)


_DESCRIPTION = 'Test a detector on images that are made worse in many ways, each in several degrees.'
main = functools.partial(run_command, add_arguments, run, 'mmrotate robustness', _DESCRIPTION)
