"""Options of ``mmrotate infer`` that say how an image is searched."""

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mmrotate.apis.products import FORMS
from mmrotate.apis.scenes import MUCH_LARGER, RULE, Search, Size, times_larger
from mmrotate.apis.tiles import FLIPS
from mmrotate.cli.basics import palette, score, whole_number
from mmrotate.core.scene import STRETCHES
from mmrotate.datasets.image_folder import image_size
from mmrotate.utils import UserError

_AUTO = 'auto'
MERGING = ('merge_iou_thr', 'merge_iof_thr', 'merge_fuse_thr', 'class_agnostic')


def add_output_options(parser: argparse.ArgumentParser, picture_type: Callable[[str], str]) -> None:
    """Options that say what becomes of detections; ``picture_type`` converts the value of ``--out-file``."""
    parser.add_argument(
        '--out-file', type=picture_type, help='the picture of a single image, the video of a single video'
    )
    parser.add_argument('--out-dir', help='folder for the pictures of all images')
    parser.add_argument('--json', metavar='FILE', help='write all detections into a JSON file')
    parser.add_argument('--out', metavar='DIR', help='folder for the results in the forms of --to')
    parser.add_argument('--to', type=forms, help='forms of the results in --out, by commas (default: json)')
    parser.add_argument('--crs', choices=('wgs84', 'raster'), help='coordinates of GeoJSON (default: wgs84)')
    text = 'go on with a run that was interrupted or left images out: skip those that its journal (FILE.journal of '
    text += '--json, else in --out or --out-dir) notes as done and that did not change since'
    parser.add_argument('--resume', action='store_true', help=text)
    parser.add_argument('--show', action='store_true', help='show each picture in a window')
    parser.add_argument('--score-thr', type=score, default=0.3, help='lowest score shown and written (default: 0.3)')
    parser.add_argument('--batch-size', type=whole_number(1), default=1, help='images, or tiles, at once (default: 1)')
    parser.add_argument('--palette', type=palette, help='dota, sar, hrsc, hrsc_classwise, hit_uav, random, or a colour')


def add_search(parser: argparse.ArgumentParser) -> None:
    """Options of the search in windows."""
    group = parser.add_argument_group('large images', 'read and searched window by window, see docs/large_images.md')
    text = f'search in tiles of SIZE pixels (1024, or 1280x1024); auto: images more than {MUCH_LARGER} times as large '
    text += 'as the scale of the test pipeline, in tiles of that scale'
    group.add_argument('--tile', type=_tile, metavar='auto|SIZE', help=text)
    text = 'what neighbouring tiles share: pixels, or below 1 a part of their shorter side'
    group.add_argument('--overlap', type=_number(0), help=f'{text} (default: {Search.overlap})')
    text = 'search at these scales, by commas: at 0.5 the tiles are twice as large (default: 1)'
    group.add_argument('--scales', type=_several(_number(0.01), 'a scale'), help=text)
    text = f'see each tile flipped too, by commas: {", ".join(FLIPS)}'
    group.add_argument('--flip', type=_several(_choice(tuple(FLIPS)), 'a direction'), help=text)
    text = 'overlap above which two detections of a class are one object'
    group.add_argument('--merge-iou-thr', type=score, help=f'{text} (default: {RULE.iou_thr})')
    text = 'share of a detection cut by the border of its tile above which it is part of a whole one that it lies in'
    group.add_argument('--merge-iof-thr', type=score, help=f'{text} (default: {RULE.iof_thr}; 1: never)')
    text = 'take the mean of detections that overlap more than this, weighted by score (default: the best one)'
    group.add_argument('--merge-fuse-thr', type=score, help=text)
    group.add_argument('--class-agnostic', action='store_true', help='merge detections of different classes too')
    text = 'bands for red, green and blue, counted from 1, e.g. 4,3,2; or one for all'
    group.add_argument('--bands', type=_several(int, 'the number of a band'), help=text)
    text = 'how values become 0 to 255: between the percentiles 2 and 98 or the extremes of each band, or as they are '
    text += '(default: bytes as they are, others by percentile)'
    group.add_argument('--stretch', choices=STRETCHES, help=text)


def search_of(args: argparse.Namespace, scale_of: Callable[[], Size], files: Sequence[Path]) -> Search | None:
    """The search that the options ask for, and say what it is; None: each image as a whole.

    ``scale_of`` gives the width and height to which the detector brings images, or raises a UserError.
    """
    given = {'overlap': args.overlap, 'scales': args.scales}
    if args.tile is None:
        if wrong := [name for name, value in given.items() if value is not None]:
            raise UserError(f'--{wrong[0]} is of tiles: give --tile too')
        if not (args.flip or args.bands or args.stretch):
            if of_merging := [name for name in MERGING if is_given(getattr(args, name))]:
                option = of_merging[0].replace('_', '-')
                raise UserError(f'--{option} is of what is seen more than once: give --tile or --flip too')
            _warn_of_large(scale_of, files)
            return None
    options = {**given, 'flips': args.flip, 'bands': args.bands, 'stretch': args.stretch}
    merging = {name: getattr(args, f'merge_{name}') for name in ('iou_thr', 'iof_thr', 'fuse_thr')}
    rule = RULE._replace(
        class_agnostic=args.class_agnostic, **{key: value for key, value in merging.items() if value is not None}
    )
    tile = scale_of() if args.tile == _AUTO else args.tile
    search = Search(
        tile, args.tile == _AUTO, rule=rule, **{key: value for key, value in options.items() if value is not None}
    )
    if tile is not None and not search.overlap < (1 if search.overlap < 1 else min(tile)):
        raise UserError(f'--overlap {search.overlap:g} is not less than the tile of {tile[0]}x{tile[1]} pixels')
    if args.tile == _AUTO:
        print(f'--tile auto: images more than {MUCH_LARGER} times {tile[0]}x{tile[1]}, the scale of the test pipeline, '
              'are searched in tiles of this size')  # fmt: skip
    return search


def is_given(value: Any) -> bool:
    """Whether the value of an option is one that was given; 0 is."""
    return value is not None and value is not False


def forms(text: str) -> tuple[str, ...]:
    """The value of an option: names of forms of results."""
    return _several(_choice(FORMS), 'a form')(text)


def _warn_of_large(scale_of: Callable[[], Size], files: Sequence[Path]) -> None:
    """Say once that an image is much larger than the detector sees it."""
    try:
        scale = scale_of()
    except UserError:
        return
    for file in files:
        try:
            size = image_size(file)
        except ValueError:
            continue
        if (times := times_larger(size, scale)) > MUCH_LARGER:
            print(f'{file} is {times:.1f} times as large as the detector sees it ({scale[0]}x{scale[1]}): its objects '
                  'shrink as much; --tile auto searches it in tiles')  # fmt: skip
            return


def _tile(text: str) -> Size | str:
    if text == _AUTO:
        return text
    width, _, height = text.partition('x')
    if not width.isdecimal() or not (height or width).isdecimal() or min(int(width), int(height or width)) < 32:
        raise argparse.ArgumentTypeError(
            f'auto, or a size from 32 on such as 1024 or 1280x1024, is needed, got {text!r}'
        )
    return int(width), int(height or width)


def _number(low: float) -> Callable[[str], float]:
    def convert(text: str) -> float:
        value = float(text)
        if not low <= value < math.inf:
            raise argparse.ArgumentTypeError(f'a number from {low:g} on is needed, got {text!r}')
        return value

    return convert


def _choice(names: Sequence[str]) -> Callable[[str], str]:
    def convert(text: str) -> str:
        if text not in names:
            raise argparse.ArgumentTypeError(f'{text!r} is none of {", ".join(names)}')
        return text

    return convert


def _several(convert: Callable[[str], Any], what: str) -> Callable[[str], tuple[Any, ...]]:
    """A type of option: values by commas."""

    def parse(text: str) -> tuple[Any, ...]:
        try:
            return tuple(dict.fromkeys(convert(part.strip()) for part in text.split(',')))
        except ValueError as error:
            raise argparse.ArgumentTypeError(f'{what}, or several by commas, is needed, got {text!r}') from error

    return parse
