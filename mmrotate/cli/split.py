"""``mmrotate split``: cut large images and their labels into tiles."""

import argparse
import functools
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mmrotate.apis.split import split_images
from mmrotate.cli.basics import run_command, whole_number
from mmrotate.cli.sources import SOURCE_HELP, add_source_options, open_source
from mmrotate.core.patch import WindowRules
from mmrotate.datasets.formats import FORMATS, Split
from mmrotate.datasets.image_folder import check_folders
from mmrotate.datasets.sources import ALL, Source
from mmrotate.datasets.splitting import SUFFIXES, Job, TileSettings, jobs_of_images, jobs_of_source
from mmrotate.engine.distributed import LAUNCHERS, init_dist
from mmrotate.utils import UserError
from mmrotate.utils.arguments import near_name
from mmrotate.utils.pool import usable_cores


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return _is_number(value) and value == int(value) >= 0


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


# what an option of --base-json must be, and its check; of a list that of each item
_KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(('img_dirs', 'ann_dirs'), ('a list of texts', _is_text)),
    **dict.fromkeys(('sizes', 'gaps', 'padding_value'), ('a list of whole numbers', _is_whole)),
    **dict.fromkeys(('img_rate_thr', 'iof_thr'), ('a number', _is_number)),
    **dict.fromkeys(('save_dir', 'save_ext'), ('a text', _is_text)),
    'rates': ('a list of numbers', _is_number),
    'nproc': ('a whole number', _is_whole),
    'no_padding': ('true or false', lambda value: isinstance(value, bool)),
}
# what holds where neither says
_DEFAULTS: dict[str, Any] = {
    'nproc': None,
    'img_dirs': None,
    'ann_dirs': None,
    'sizes': (1024,),
    'gaps': (200,),
    'rates': (1.0,),
    'img_rate_thr': 0.6,
    'iof_thr': 0.7,
    'no_padding': False,
    'padding_value': (104, 116, 124),
    'save_dir': None,
    'save_ext': '.png',
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command, named as in MMRotate 0.3; what is not given stands in ``--base-json`` or is a default."""
    parser.add_argument('data', nargs='?', metavar='DATA', help=SOURCE_HELP)
    add_source_options(parser, 'DATA')
    parser.add_argument('--format', dest='wanted', choices=FORMATS, metavar='FORMAT', help='the same as --from')
    parser.add_argument('--img-dirs', nargs='+', metavar='DIR', help='in place of DATA: folders of images')
    text = 'folders of their labels in the DOTA format, one for each of --img-dirs; without it the tiles get none'
    parser.add_argument('--ann-dirs', nargs='+', metavar='DIR', help=text)
    parser.add_argument('--base-json', metavar='FILE', help='file of options; those of the command line come first')
    parser.add_argument('--save-dir', metavar='DIR', help='folder for the tiles, new or empty')
    parser.add_argument('--save-ext', type=_ending, help=f'{", ".join(SUFFIXES)} (default: .png)')
    parser.add_argument('--sizes', nargs='+', type=whole_number(1), metavar='N', help='sides of tiles (default: 1024)')
    text = 'pixels by which neighbours overlap, one for each size (default: 200)'
    parser.add_argument('--gaps', nargs='+', type=whole_number(0), metavar='N', help=text)
    text = 'scales by which sizes and gaps are divided; the pixels stay as they are (default: 1)'
    parser.add_argument('--rates', nargs='+', type=float, metavar='R', help=text)
    text = 'tiles stay of which more than this share is image (default: 0.6)'
    parser.add_argument('--img-rate-thr', type=float, metavar='SHARE', help=text)
    text = 'a tile has the objects of whose area at least this share lies in it (default: 0.7)'
    parser.add_argument('--iof-thr', type=float, metavar='SHARE', help=text)
    parser.add_argument('--no-padding', action='store_true', default=None, help='tiles end where their image does')
    text = 'what stands outside of the image: a value, or one for each band, BGR (default: 104 116 124)'
    parser.add_argument('--padding-value', nargs='+', type=whole_number(0), metavar='N', help=text)
    text = 'processes, each of which holds an image (default: one a core)'
    parser.add_argument('--nproc', type=whole_number(1), help=text)
    text = 'go on with a run that was interrupted or left images out'
    parser.add_argument('--resume', action='store_true', help=text)
    text = 'what started several processes, on any number of machines that share the folders; they share the images'
    parser.add_argument('--launcher', choices=LAUNCHERS, default='none', help=text)


def run(args: argparse.Namespace) -> None:
    """Split, and say what came of it."""
    options = _options(args)
    if not options['save_dir']:
        raise UserError('--save-dir is missing: the folder for the tiles')
    rules = {key: options[key] for key in ('img_rate_thr', 'iof_thr')}
    rules |= {key: tuple(options[key]) for key in ('sizes', 'gaps', 'rates')}
    padding = None if options['no_padding'] else tuple(options['padding_value'])
    settings = TileSettings(WindowRules(**rules), padding, _dotted(options['save_ext']))
    out = Path(options['save_dir'])
    init_dist(args.launcher, 'gloo')
    jobs = list(_jobs(args, options))
    counts = split_images(jobs, settings, out, options['nproc'] or _share_of_cores(), args.resume)
    if not counts:  # the first process tells
        return
    print(f'{counts["images"]} images in {counts["tiles"]} tiles, {counts["objects"]} objects')
    if counts['lost']:
        print(f'{counts["lost"]} objects are in no tile: less than {settings.rules.iof_thr:.0%} of them lies in one')
    if counts['placed'] and settings.suffix != '.tif':
        told = f'{counts["placed"]} images say where on earth they are'
        print(f'{told}, tiles *{settings.suffix} do not: --save-ext .tif keeps it')
    print(f'written: {out}')


def _share_of_cores() -> int:
    return max(usable_cores() // int(os.environ.get('LOCAL_WORLD_SIZE', '1')), 1)


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """The options that the command line, the JSON file and the defaults give, in this order."""
    given = _of_json(args.base_json) if args.base_json else {}
    line = {key: value for key in _DEFAULTS if (value := getattr(args, key)) is not None}
    return {**_DEFAULTS, **given, **line}


def _of_json(path: str) -> dict[str, Any]:
    """The options of a file, of the types that the parser gives them."""
    try:
        found = json.loads(Path(path).read_text('utf-8'))
    except OSError as error:
        raise UserError(f'cannot read --base-json {path}: {error.strerror}') from error
    except ValueError as error:
        raise UserError(f'--base-json {path} is no JSON file: {error}') from error
    if not isinstance(found, dict):
        raise UserError(f'--base-json {path}: a dict of options is needed, got {type(found).__name__}')
    if unknown := sorted(found.keys() - _DEFAULTS):
        near = near_name(unknown[0], list(_DEFAULTS))
        raise UserError(f'--base-json {path}: no option {unknown[0]!r}; {near}the options: {", ".join(_DEFAULTS)}')
    for key, value in found.items():
        if value is not None and (wanted := _misfit(key, value)):
            raise UserError(f'--base-json {path}: {key} must be {wanted}, got {value!r}')
    return {key: value for key, value in found.items() if value is not None}


def _misfit(key: str, value: Any) -> str:
    """What an option of a JSON file should be instead; empty if it is."""
    wanted, fits = _KINDS[key]
    if wanted.startswith('a list'):
        return '' if isinstance(value, list) and value and all(map(fits, value)) else wanted
    return '' if fits(value) else wanted


def _dotted(ending: str) -> str:
    return ending if ending.startswith('.') else f'.{ending}'


def _ending(text: str) -> str:
    if _dotted(text) not in SUFFIXES:
        raise argparse.ArgumentTypeError(f'must be one of {", ".join(SUFFIXES)}, got {text!r}')
    return _dotted(text)


def _jobs(args: argparse.Namespace, options: dict[str, Any]) -> Iterator[Job]:
    """The images that are meant."""
    folders, labels = options['img_dirs'], options['ann_dirs']
    if args.data is not None:
        if folders and args.img_dirs:
            raise UserError('DATA and --img-dirs say twice which images are meant: give one of them')
        yield from jobs_of_source(open_source(args.data, args))
        return
    if not folders:
        raise UserError('which images? Give DATA, or --img-dirs and --ann-dirs')
    if labels and len(labels) != len(folders):
        raise UserError(
            f'a folder of --ann-dirs for each of --img-dirs is needed, got {len(labels)} for {len(folders)}'
        )
    for folder, label in zip(folders, labels or [None] * len(folders), strict=True):
        check_folders(img_dirs=folder, ann_dirs=label or '')
        if label is None:
            yield from jobs_of_images(Path(folder))
            continue
        split = Split(Path(label), Path(folder))
        yield from jobs_of_source(Source(Path(folder), FORMATS['dota'], {ALL: split}, (), 'the options say so'))


main = functools.partial(run_command, add_arguments, run, 'mmrotate split', __doc__)
