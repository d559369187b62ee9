"""``mmrotate merge``: results of patches become those of their scenes."""

import argparse
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mmrotate.analysis.results import read_json_results, read_results
from mmrotate.apis.results import image_entry, write_entries_json
from mmrotate.cli.basics import run_command, score, whole_number
from mmrotate.cli.common import add_config_options
from mmrotate.core.evaluation import finite_results
from mmrotate.core.patch import MergeRule
from mmrotate.datasets.image_folder import IMAGE_SUFFIXES
from mmrotate.datasets.scenes import Scene, check_sizes, merge_scene, scenes_of, tell_scenes
from mmrotate.datasets.submission import Results, check_names, check_task_folder, write_task
from mmrotate.datasets.task_files import TaskFiles
from mmrotate.engine import files_of_config, load_config, open_dataset
from mmrotate.utils import UserError, get_root_logger
from mmrotate.utils.journal import Journal, Tally, file_stamp
from mmrotate.utils.lock import remove_leftovers
from mmrotate.utils.ordered import in_order
from mmrotate.utils.places import check_outputs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    text = 'results of patches: a folder with files Task1_CLASS.txt, or a .json or .pkl of tools/test.py --out'
    parser.add_argument('results', help=text)
    parser.add_argument('--out', required=True, help='folder for the files of the test server, new or empty')
    parser.add_argument('--json', metavar='FILE', help='also write the results of the scenes into a JSON file')
    parser.add_argument('--config', help='of a .pkl: config whose data.test the results are of')
    add_config_options(parser)
    text = 'files to write: 1, oriented boxes, or 2, the upright ones around them (default: 1)'
    parser.add_argument('--task', type=int, choices=(1, 2), default=1, help=text)
    text = 'overlap above which the worse of two detections of a class goes (default: 0.1)'
    parser.add_argument('--iou-thr', type=score, default=0.1, help=text)
    parser.add_argument('--class-agnostic', action='store_true', help='compare detections of all classes')
    text = 'a detection cut at the border of its patch goes if a larger share of it lies in a whole one, e.g. 0.8'
    parser.add_argument('--iof-thr', type=score, help=text)
    text = 'put the mean, weighted by the scores, of detections that overlap more in place of the best, e.g. 0.5'
    parser.add_argument('--fuse-thr', type=score, help=text)
    text = 'side of the patches in pixels, where their names do not say it; --iof-thr needs it'
    parser.add_argument('--patch-size', type=whole_number(1), help=text)
    text = 'scenes that are worked on at once; the files do not depend on it (default: 2)'
    parser.add_argument('--workers', type=whole_number(1), default=2, help=text)
    text = 'go on with a run that was interrupted, whose journal is OUT.journal'
    parser.add_argument('--resume', action='store_true', help=text)


@dataclass
class _InMemory:
    """Results that were read whole."""

    classes: Sequence[str]
    images: list[str]  # names without their endings
    version: str
    results: Results

    def __getitem__(self, index: int) -> Sequence[np.ndarray]:
        return self.results[index]


def run(args: argparse.Namespace) -> None:
    """Merge scene by scene, then write the files."""
    inputs = _inputs(args)
    out, journal_path = Path(args.out).absolute(), Path(f'{Path(args.out).absolute()}.journal')
    outputs = [('the journal', journal_path), *([('--json', Path(args.json))] if args.json else [])]
    check_outputs(outputs, inputs, [('--out', out)])
    source = _open(args)
    scenes = scenes_of(source.images)
    rule = MergeRule(args.iou_thr, args.class_agnostic, args.iof_thr, args.fuse_thr)
    check_sizes(scenes, rule, args.patch_size)
    check_names(source.images, source.classes)
    check_task_folder(out, source.classes, args.task, args.resume)
    tell_scenes(scenes)
    settings = {
        **rule._asdict(),
        'patch_size': args.patch_size,
        'classes': list(source.classes),
        'files': {str(path): file_stamp(path) for path in inputs},
    }
    journal = Journal(journal_path, settings, args.resume)
    if args.resume and out.is_dir():
        remove_leftovers(out)
    tally = _merge(args, source, scenes, rule, journal)
    if tally.interrupted or tally.failures:
        journal.close()
        tally.finish(resumable=True)
    _write(args, source, scenes, out, journal)
    journal.remove()


def _inputs(args: argparse.Namespace) -> list[Path]:
    """Files that are read."""
    path = Path(args.results)
    if (args.config is not None) != (path.suffix in ('.pkl', '.pickle')):
        raise UserError('--config belongs to results in a .pkl, whose images it names: give both, or none of them')
    if args.cfg_options and not args.config:
        raise UserError('--cfg-options needs --config')
    if path.is_dir():
        return sorted(path.glob('Task1_*.txt'))
    return [path, *(files_of_config(load_config(args.config, args.cfg_options)) if args.config else [])]


def _open(args: argparse.Namespace) -> Any:
    """What the results are read from: ``classes``, ``images``, ``version`` and, by index, results."""
    path = Path(args.results)
    if path.is_dir():
        return TaskFiles(path)
    if path.suffix == '.json':
        found = read_json_results(path)
        names = [_without_ending(Path(image)) for image in found.images]
        return _InMemory(found.classes, names, 'le90', finite_results(list(found.images.values())))
    if not args.config:
        raise UserError(f'{path} is no folder, .json or .pkl with results')
    dataset = open_dataset(load_config(args.config, args.cfg_options), 'test', test_mode=True)
    names = [name for leaf in dataset.leaves for name in leaf.img_ids]
    results = finite_results([r for _, part in dataset.of_leaves(read_results(path, dataset)) for r in part])
    return _InMemory(dataset.CLASSES, names, dataset.version, results)


def _without_ending(image: Path) -> str:
    """Name of an image; the factor in a patch's name, ``P1__0.5__0___0``, is no ending."""
    return image.stem if image.suffix.lower() in IMAGE_SUFFIXES else image.name


def _merge(args: argparse.Namespace, source: Any, scenes: Sequence[Scene], rule: MergeRule, journal: Journal) -> Tally:
    """Note the result of every scene in the journal, unless it is there."""
    todo = [(i, scene) for i, scene in enumerate(scenes) if not journal.holds(scene.name)]

    def merged(item: tuple[int, Scene]) -> tuple[int, list[np.ndarray]]:
        i, scene = item
        return i, merge_scene(scene, [source[k] for k in scene.indices], rule, args.patch_size)

    def keep(index: int, result: list[np.ndarray]) -> list[Any]:
        return [dets.tolist() for dets in result]

    tally = Tally(len(scenes), 'scenes', len(scenes) - len(todo))
    outcomes = tqdm(in_order(merged, todo, args.workers), 'merge', len(todo), mininterval=1, disable=None)
    tally.work(outcomes, [(scene.name, None) for scene in scenes], keep, journal)
    if count := sum(getattr(source, 'crooked', {}).values()):
        get_root_logger().warning('%d detections are no rectangles: merged and written as rectangles', count)
    return tally


def _write(args: argparse.Namespace, source: Any, scenes: Sequence[Scene], out: Path, journal: Journal) -> None:
    def found() -> Iterator[tuple[str, list[np.ndarray]]]:
        for scene in scenes:
            yield scene.name, [np.array(dets, np.float32).reshape(-1, 6) for dets in journal[scene.name]]

    write_task(found(), source.classes, source.version, out, task=args.task)
    print(f'{len(scenes)} scenes merged: files of the test server in {out}, {out.name}.zip to hand in')
    if args.json:
        entries = (image_entry(name, result, source.classes, 0.0) for name, result in found())
        write_entries_json(args.json, entries, source.classes)
        print(f'results of the scenes written to {args.json}')


main = functools.partial(run_command, add_arguments, run, 'mmrotate merge', 'Merge results of patches into scenes.')
