"""``mmrotate test``: run a detector over a dataset, score it, write its results."""

import argparse
import functools
import pickle
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from tqdm import tqdm

from mmrotate.apis import draw_result, init_detector, write_results_json
from mmrotate.cli.basics import require_screen, run_command, score
from mmrotate.cli.common import (
    CHECKPOINT_HELP,
    CONFIG_HELP,
    add_config_options,
    add_launch_options,
    chosen_device,
    made_with,
    prepare_loading,
)
from mmrotate.cli.own_data import add_data_options, with_test_data
from mmrotate.cli.scoring import (
    add_eval_options,
    add_score_options,
    check_places,
    check_score_arguments,
    check_score_options,
    pictures_of,
    print_scores,
    write_submission,
)
from mmrotate.engine import (
    files_of_config,
    init_dist,
    load_config,
    loader_options,
    open_dataset,
    rank_and_size,
    stream_predictions,
)
from mmrotate.engine.checks import check_testing
from mmrotate.engine.distributed import gather_objects
from mmrotate.utils import UserError, get_root_logger
from mmrotate.utils.files import replacing, write_json
from mmrotate.utils.fuse import fuse_conv_bn
from mmrotate.utils.journal import Journal, Tally, file_stamp

_OUT_SUFFIXES = ('.pkl', '.pickle', '.json')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command, named as in MMRotate 0.3."""
    parser.add_argument('config', help=CONFIG_HELP)
    parser.add_argument('checkpoint', help=CHECKPOINT_HELP)
    parser.add_argument('--work-dir', help='folder for a JSON file with the scores')
    add_data_options(parser)
    wanted = parser.add_argument_group('what to do with the results (at least one)')
    wanted.add_argument('--out', type=_result_file, help='write them to a .pkl or .json file')
    add_score_options(wanted)
    wanted.add_argument('--show', action='store_true', help='show each picture in a window')
    wanted.add_argument('--show-dir', help='folder for pictures')
    parser.add_argument('--show-score-thr', type=score, default=0.3, help='lowest score drawn (default: 0.3)')
    add_eval_options(parser)
    text = 'go on with a run that was interrupted or left images out: skip those that its journal (OUT.journal, else '
    text += 'test.journal in --show-dir) notes as done and that did not change since'
    parser.add_argument('--resume', action='store_true', help=text)
    parser.add_argument('--fuse-conv-bn', action='store_true', help='fold batch norms into convolutions')
    parser.add_argument('--gpu-collect', action='store_true', help=argparse.SUPPRESS)  # 0.x,
    parser.add_argument('--tmpdir', help=argparse.SUPPRESS)  # without effect
    add_config_options(parser)
    add_launch_options(parser)


def _result_file(text: str) -> str:
    """The value of ``--out``."""
    if not text.endswith(_OUT_SUFFIXES):
        raise argparse.ArgumentTypeError(f'a name that ends in {", ".join(_OUT_SUFFIXES)} is needed, got {text!r}')
    return text


def run(args: argparse.Namespace) -> None:
    """Test."""
    require_screen(args.show, '--show-dir')
    _check_arguments(args)
    cfg = load_config(args.config, args.cfg_options)
    with_test_data(args, cfg)
    prepare_loading(cfg)
    init_dist(args.launcher, **dict(cfg.get('dist_params') or {}))
    get_root_logger(log_level=cfg.get('log_level', 'INFO'))
    dataset = open_dataset(cfg, 'test', test_mode=True)
    check_score_options(args, cfg, dataset)
    journals = [('the journal', path) for path in _journal_paths(args)]
    check_places(args, dataset, [args.checkpoint, *files_of_config(cfg)], journals, args.work_dir)
    model = init_detector(cfg, args.checkpoint, chosen_device(args) or cfg.get('device'))
    if model.CLASSES is None:
        model.CLASSES = dataset.CLASSES
    check_testing(model, dataset, cfg)
    if args.fuse_conv_bn:
        fuse_conv_bn(model)
    journal = _journal(args, cfg)
    results, tally = _predict(args, cfg, model, dataset, journal)
    if not tally.interrupted:  # after which the other processes may be gone
        if (parts := gather_objects((results, tally))) is None:  # not rank 0
            return
        results, tally = _joined(parts)
    if tally.interrupted or tally.failures:
        if rank_and_size()[1] == 1 or not tally.interrupted:
            _write_part(args.out, dataset, results)
        tally.finish(resumable=journal is not None)
    _use(args, cfg, dataset, [results[i] for i in range(len(dataset))])
    for path in _journal_paths(args):
        path.unlink(missing_ok=True)


def _check_arguments(args: argparse.Namespace) -> None:
    if not (args.out or args.eval or args.format_only or args.show or args.show_dir):
        raise UserError(
            'nothing would come of this test: say what to do with the results by --eval mAP, '
            '--out FILE, --format-only, --show-dir FOLDER or --show'
        )
    check_score_arguments(args)
    if args.resume and not _journal_paths(args):
        raise UserError('--resume goes on with what an earlier run wrote: it needs --out or --show-dir')


def _journal_paths(args: argparse.Namespace) -> list[Path]:
    """The journal of each process; none where nothing is written on the way."""
    if not (args.out or args.show_dir):
        return []
    first = Path(f'{args.out}.journal') if args.out else Path(args.show_dir, 'test.journal')
    return [first, *(first.with_name(f'{first.name}.{rank}') for rank in range(1, rank_and_size()[1]))]


def _journal(args: argparse.Namespace, cfg: Config) -> Journal | None:
    """The journal of this process."""
    if not (places := _journal_paths(args)):
        return None
    rank, size = rank_and_size()
    others = {key: getattr(args, key) for key in ('show_dir', 'show_score_thr', 'fuse_conv_bn')}
    return Journal(places[rank], made_with(cfg, args.config, args.checkpoint, processes=size, **others), args.resume)


def _predict(
    args: argparse.Namespace, cfg: Config, model: Any, dataset: Any, journal: Journal | None
) -> tuple[dict[int, Any], Tally]:
    """Results by index of this process's images, which are drawn and noted in the journal as they come."""
    rank, size = rank_and_size()
    share = range(rank, len(dataset), size)
    items = [(dataset.image_name(i), file_stamp(dataset.image_path(i))) for i in range(len(dataset))]
    pictures = pictures_of(args, dataset) if args.show_dir else None
    results: dict[int, Any] = {}
    for i in share:
        if journal is not None and journal.holds(*items[i]) and (pictures is None or pictures[i].is_file()):
            results[i] = [np.array(boxes, np.float32).reshape(-1, 6) for boxes in journal[items[i][0]]]
    tally = Tally(len(dataset), done=len(results))
    todo = set(share) - set(results)

    def keep(index: int, result: Any) -> Any:
        results[index] = [np.array(boxes, np.float32) for boxes in result]
        if args.show or pictures is not None:
            target = None if pictures is None else pictures[index]
            path = dataset.image_path(index)
            draw_result(model, path, result, target, args.show, score_thr=args.show_score_thr)
        return [boxes.tolist() for boxes in results[index]] if journal is not None else None

    found = stream_predictions(model, dataset, todo.__contains__, share, **loader_options(cfg, 'test'))
    # in a log file a line every half a minute is enough
    interval = 0.1 if sys.stderr.isatty() else 30
    tally.work(tqdm(found, 'test', len(todo), mininterval=interval, disable=rank > 0), items, keep, journal)
    return results, tally


def _joined(parts: list[tuple[dict[int, Any], Tally]]) -> tuple[dict[int, Any], Tally]:
    """The results and the tally of all processes."""
    results: dict[int, Any] = {}
    whole = Tally(parts[0][1].total)
    for part, tally in parts:
        results |= part
        whole.join([tally])
    return results, whole


def _write_part(out: str | None, dataset: Any, results: dict[int, Any]) -> None:
    """Of a part of the images a JSON file can be made, which names them; a pickle of all would be out of step."""
    if out and out.endswith('.json') and results:
        _write(out, dataset, dict(sorted(results.items())))


def _use(args: argparse.Namespace, cfg: Config, dataset: Any, results: list[Any]) -> None:
    """Write and score the results of all images."""
    logger = get_root_logger()
    if args.out:
        _write(args.out, dataset, dict(enumerate(results)))
        logger.info('results written to %s', args.out)
    if args.format_only:
        write_submission(args, dataset, results)
    if args.eval:
        _evaluate(args, cfg, dataset, results)


def _write(path: str, dataset: Any, results: dict[int, Any]) -> None:
    if path.endswith('.json'):
        names = [dataset.image_name(i) for i in results]
        write_results_json(path, names, list(results.values()), dataset.CLASSES)
        return
    with replacing(Path(path)) as temporary, temporary.open('wb') as out:
        pickle.dump(list(results.values()), out)


def _evaluate(args: argparse.Namespace, cfg: Config, dataset: Any, results: list[Any]) -> None:
    metrics = print_scores(args, cfg, dataset, results)
    if args.work_dir:
        content = {'config': args.config, 'checkpoint': args.checkpoint, 'metric': metrics}
        write_json(Path(args.work_dir, time.strftime('eval_%Y%m%d_%H%M%S.json')), content)


_DESCRIPTION = 'Run a detector over the test data of a config.'
main = functools.partial(run_command, add_arguments, run, 'mmrotate test', _DESCRIPTION)


if __name__ == '__main__':
    sys.exit(main())
