"""``mmrotate infer``: detect objects in images."""

import argparse
import functools
import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mmrotate.apis import draw_result, inference_detector, init_detector, write_results_json
from mmrotate.cli.common import add_config_options, require_screen, run_command
from mmrotate.utils import UserError

_IMAGES = {'.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command; those of the 0.x demo are among them."""
    parser.add_argument('images', nargs='+', help='image files, folders, or patterns like "a/*.png"')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file or address')
    parser.add_argument('--out-file', help='the picture of a single image')
    parser.add_argument('--out-dir', help='folder for the pictures of all images')
    parser.add_argument('--json', metavar='FILE', help='write all detections into a JSON file')
    parser.add_argument('--show', action='store_true', help='show each picture in a window')
    parser.add_argument('--score-thr', type=float, default=0.3, help='lowest score shown and written (default: 0.3)')
    parser.add_argument('--device', help='cpu, cuda, cuda:1; default: a GPU if there is one')
    parser.add_argument('--batch-size', type=int, default=1, help='images at once (default: 1)')
    parser.add_argument('--palette', help="colours: a dataset's name (dota, sar, hrsc, hit_uav) or random")
    add_config_options(parser)


def run(args: argparse.Namespace) -> None:
    """Detect, draw and write."""
    require_screen(args.show, '--out-dir')
    files = list(_files(args.images))
    if args.out_file and len(files) > 1:
        raise UserError(f'--out-file is for a single image, got {len(files)}: use --out-dir')
    targets = _targets(args, files)
    model = init_detector(args.config, args.checkpoint, args.device, args.cfg_options)
    results: list[Any] = []
    for start in tqdm(range(0, len(files), args.batch_size), disable=len(files) == 1):
        part = files[start : start + args.batch_size]
        results += inference_detector(model, part, batch_size=args.batch_size)
    for file, target, result in zip(files, targets, results, strict=True):
        if target is not None or args.show:
            colours = {'bbox_color': args.palette} if args.palette else {}
            draw_result(model, file, result, target, args.show, score_thr=args.score_thr, **colours)
    if args.json:
        classes = model.CLASSES or [f'class {i}' for i in range(len(results[0]))]
        write_results_json(args.json, files, results, classes, args.score_thr)
    _say(args, files, results)


def _files(given: Sequence[str]) -> Iterator[Path]:
    for name in given:
        path = Path(name)
        if path.is_file():
            yield path
            continue
        found = path.iterdir() if path.is_dir() else map(Path, glob.glob(name, recursive=True))
        images = sorted(file for file in found if file.suffix.lower() in _IMAGES)
        if not images:
            raise UserError(f'no image at {name} (formats: {", ".join(sorted(_IMAGES))})')
        yield from images


def _targets(args: argparse.Namespace, files: Sequence[Path]) -> list[Path | None]:
    """Where each picture goes; no two at one place, none over an image of the input."""
    if args.out_file:
        targets: list[Path | None] = [Path(args.out_file)]
    elif args.out_dir:
        targets = [Path(args.out_dir, file.name) for file in files]
    else:
        return [None] * len(files)
    inputs = {file.resolve() for file in files}
    for file, target in zip(files, targets, strict=True):
        if target is not None and target.resolve() in inputs:
            raise UserError(f'the picture of {file} would overwrite the image {target}')
    if len(set(targets)) < len(targets):
        raise UserError('two images have the same name: use --out-dir for one folder at a time')
    return targets


def _say(args: argparse.Namespace, files: Sequence[Path], results: Sequence[Any]) -> None:
    found = sum(int((boxes[:, 5] >= args.score_thr).sum()) for r in results for boxes in r)
    print(f'{found} detections with a score from {args.score_thr} on in {len(files)} image(s)')
    for place in filter(None, (args.out_file, args.out_dir, args.json)):
        print(f'written: {place}')


main = functools.partial(run_command, add_arguments, run, 'mmrotate infer', 'Detect rotated objects in images.')
