"""``mmrotate infer``: detect objects in images."""

import argparse
import functools
import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from tqdm import tqdm

from mmrotate.apis import draw_result, init_detector
from mmrotate.apis.inference import Preparation
from mmrotate.apis.results import image_entry, write_entries_json
from mmrotate.cli.common import (
    CHECKPOINT_HELP,
    CONFIG_HELP,
    add_config_options,
    add_device,
    made_with,
    palette,
    picture,
    require_screen,
    run_command,
    score,
    whole_number,
)
from mmrotate.core.evaluation import finite_results
from mmrotate.core.visualization import can_write_image
from mmrotate.engine import files_of_config, load_config, stream_predictions
from mmrotate.utils import UserError
from mmrotate.utils.journal import Journal, Stamp, Tally, file_stamp
from mmrotate.utils.places import check_outputs

_IMAGES = {'.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command; those of the 0.x demo are among them."""
    parser.add_argument('images', nargs='+', help='image files, folders, or patterns like "a/*.png"')
    parser.add_argument('config', help=CONFIG_HELP)
    parser.add_argument('checkpoint', help=CHECKPOINT_HELP)
    parser.add_argument('--out-file', type=picture, help='the picture of a single image')
    parser.add_argument('--out-dir', help='folder for the pictures of all images')
    parser.add_argument('--json', metavar='FILE', help='write all detections into a JSON file')
    text = 'go on with a run that was interrupted or left images out: skip those that its journal (FILE.journal of '
    text += '--json, else infer.journal in --out-dir) notes as done and that did not change since'
    parser.add_argument('--resume', action='store_true', help=text)
    parser.add_argument('--show', action='store_true', help='show each picture in a window')
    parser.add_argument('--score-thr', type=score, default=0.3, help='lowest score shown and written (default: 0.3)')
    parser.add_argument('--batch-size', type=whole_number(1), default=1, help='images at once (default: 1)')
    parser.add_argument('--palette', type=palette, help='dota, sar, hrsc, hrsc_classwise, hit_uav, random, or a colour')
    add_device(parser)
    add_config_options(parser, '--options')


def run(args: argparse.Namespace) -> None:
    """Detect, draw and write, image by image."""
    require_screen(args.show, '--out-dir')
    files = list(_files(args.images))
    targets = _targets(args, files)
    cfg = load_config(args.config, args.cfg_options)
    _check_places(args, cfg, files, targets)
    model = init_detector(cfg, args.checkpoint, args.device)
    journal = _journal(args, cfg)
    items = [(str(file), file_stamp(file)) for file in files]
    todo = [i for i, item in enumerate(items) if not _is_done(journal, item, targets[i])]
    tally = Tally(len(files), done=len(files) - len(todo))
    found = sum(len(journal[items[i][0]]['detections']) for i in set(range(len(files))) - set(todo)) if journal else 0

    def keep(index: int, result: Any) -> Any:
        """Draw the picture of one image; gives what the JSON file holds of it."""
        nonlocal found
        result = finite_results([result])[0]
        if targets[index] is not None or args.show:
            colours = {'bbox_color': args.palette} if args.palette else {}
            draw_result(model, files[index], result, targets[index], args.show, score_thr=args.score_thr, **colours)
        model.CLASSES = model.CLASSES or [f'class {i}' for i in range(len(result))]
        entry = image_entry(files[index], result, model.CLASSES, args.score_thr)
        found += len(entry['detections'])
        return entry

    options = dict(samples_per_gpu=args.batch_size, workers_per_gpu=0)
    results = stream_predictions(model, _Images(files, cfg), set(todo).__contains__, range(len(files)), **options)
    tally.work(tqdm(results, total=len(todo), disable=len(files) == 1), items, keep, journal)
    if journal is not None:
        _close(journal, tally, args.json, items, model.CLASSES)
    if tally.done:
        print(f'{found} detections with a score from {args.score_thr} on in {tally.done} image(s)')
        for place in filter(None, (args.out_file, args.out_dir, args.json)):
            print(f'written: {place}')
    tally.finish(resumable=journal is not None)


class _Images:
    """Samples of image files, by the test pipeline of a config."""

    def __init__(self, files: Sequence[Path], cfg: Config) -> None:
        self._files, self._prepare = files, Preparation(cfg)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._prepare(self._files[index])


def _files(given: Sequence[str]) -> Iterator[Path]:
    """The images that are meant; of folders and patterns neither hidden files (macOS leaves ._a.jpg) nor pipes."""
    for name in given:
        path = Path(name)
        if path.is_file():
            yield path
            continue
        try:
            found = list(path.iterdir()) if path.is_dir() else map(Path, glob.glob(name, recursive=True))
        except OSError as error:
            raise UserError(f'cannot read the folder {name}: {error.strerror}') from error
        named = (file for file in found if file.suffix.lower() in _IMAGES and not file.name.startswith('.'))
        images = sorted(file for file in named if file.is_file())
        if not images:
            raise UserError(f'no image at {name} (formats: {", ".join(sorted(_IMAGES))})')
        yield from images


def _targets(args: argparse.Namespace, files: Sequence[Path]) -> list[Path | None]:
    """Where each picture goes; no two at one place."""
    if args.out_file and len(files) > 1:
        raise UserError(f'--out-file is for a single image, got {len(files)}: use --out-dir')
    if args.out_file and args.out_dir:
        raise UserError('--out-file and --out-dir say twice where the picture goes: give one of them')
    if not args.out_dir:
        return [Path(args.out_file) if args.out_file else None] * len(files)
    targets = [Path(args.out_dir, file.name) for file in files]
    if len(set(targets)) < len(targets):
        raise UserError('two images have the same name: use --out-dir for one folder at a time')
    if unknown := [str(target) for target in targets if not can_write_image(target)]:
        raise UserError(f'--out-dir: pictures have the names of their images, and {unknown[0]} names no format')
    return list(targets)


def _journal_path(args: argparse.Namespace) -> Path | None:
    if args.json:
        return Path(f'{args.json}.journal')
    return Path(args.out_dir, 'infer.journal') if args.out_dir else None


def _journal(args: argparse.Namespace, cfg: Config) -> Journal | None:
    if (place := _journal_path(args)) is None:
        return None
    others = {key: getattr(args, key) for key in ('score_thr', 'palette', 'out_dir')}
    return Journal(place, made_with(cfg, args.config, args.checkpoint, **others), args.resume)


def _is_done(journal: Journal | None, item: tuple[str, Stamp], target: Path | None) -> bool:
    return journal is not None and journal.holds(*item) and (target is None or target.is_file())


def _close(
    journal: Journal, tally: Tally, json: str | None, items: Sequence[tuple[str, Stamp]], classes: Sequence[str] | None
) -> None:
    """Make the JSON file of all that is done; the journal stays where something is left to do."""
    done = [name for name, stamp in items if journal.holds(name, stamp)]
    if json and done:
        write_entries_json(json, (journal[name] for name in done), classes or ())
    journal.close() if tally.failures or tally.interrupted else journal.remove()


def _check_places(args: argparse.Namespace, cfg: Config, files: Sequence[Path], targets: Sequence[Path | None]) -> None:
    place = _journal_path(args)
    if args.resume and place is None:
        raise UserError('--resume goes on with what an earlier run wrote: it needs --json or --out-dir')
    outputs = [('--json', Path(args.json))] if args.json else []
    outputs += [('the journal', place)] if place else []
    option = '--out-file' if args.out_file else 'the picture'
    outputs += [(option, target) for target in targets if target is not None]
    folders = [('--out-dir', Path(args.out_dir))] if args.out_dir else []
    check_outputs(outputs, [*files, args.checkpoint, *files_of_config(cfg)], folders)


main = functools.partial(run_command, add_arguments, run, 'mmrotate infer', 'Detect rotated objects in images.')
