"""``mmrotate convert``: labels of one format into another."""

import argparse
import functools
from pathlib import Path

from mmrotate.apis.convert import Report, convert
from mmrotate.cli.basics import run_command, whole_number
from mmrotate.cli.sources import SOURCE_HELP, add_source_options, open_source
from mmrotate.datasets.convert import IMAGES, PIXELS, SYSTEMS
from mmrotate.datasets.formats import FORMATS
from mmrotate.datasets.formats.frame import LOSSES
from mmrotate.engine.distributed import LAUNCHERS, init_dist

_FORMATS = '\n'.join(f'  {row.name:14} {row.summary}' for row in FORMATS.values())
_TEXT = f"""Turn labels of one format into another, and say what is lost.

The formats:
{_FORMATS}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument('source', metavar='SRC', help=SOURCE_HELP)
    parser.add_argument('target', metavar='DST', type=Path, help='folder for the result: a new one, or an empty one')
    parser.add_argument('--to', required=True, choices=FORMATS, metavar='FORMAT', help='format to write')
    add_source_options(parser, 'SRC')
    text = 'what becomes of the images: symbolic links to them (default), copies, or none'
    parser.add_argument('--images', choices=IMAGES, default='link', help=text)
    text = (
        'coordinates of GeoJSON of georeferenced images: longitude and latitude (default), those of the images, pixels'
    )
    parser.add_argument('--crs', choices=SYSTEMS, default=SYSTEMS[0], help=text)
    text = 'go on with a run that was interrupted or left images out'
    parser.add_argument('--resume', action='store_true', help=text)
    parser.add_argument('--nproc', type=whole_number(1), default=1, help='processes (default: 1)')
    text = 'what started several processes, on any number of machines that share the folders; they share the images'
    parser.add_argument('--launcher', choices=LAUNCHERS, default='none', help=text)


def run(args: argparse.Namespace) -> None:
    """Recognise, convert, and say what was lost."""
    init_dist(args.launcher, 'gloo')
    source = open_source(args.source, args)
    report = convert(source, args.target, FORMATS[args.to], args.images, args.resume, args.nproc, args.crs)
    if report is None:  # the first process tells
        return
    if report.tally.done and not report.tally.interrupted:
        _say(args, report)
    report.tally.finish(resumable=True)


def _say(args: argparse.Namespace, report: Report) -> None:
    classes = ', '.join(report.classes[:20]) + (', ...' if len(report.classes) > 20 else '')
    print(f'{report.tally.done} images, {report.objects} objects, {len(report.classes)} classes: {classes}')
    if report.unlabelled:
        print(f'left out: {report.unlabelled} images without a label file')
    for name, text in LOSSES.items():
        if count := report.lost[name]:
            print(f'lost: {count} {text}')
    if report.nowhere is not None:
        print(f'coordinates: {_coordinates(args.crs, report)}')
    lossless = not report.lost and not report.tally.failures
    print(f'written: {args.target}, in the format {args.to}' + '; nothing is lost' * lossless)


def _coordinates(crs: str, report: Report) -> str:
    if crs == PIXELS or not report.nowhere:
        return {'wgs84': 'longitude and latitude (WGS 84)', 'raster': 'those of the images'}.get(crs, 'pixels')
    return f'pixels, for {report.nowhere} of {report.tally.done} images are not georeferenced'


main = functools.partial(run_command, add_arguments, run, 'mmrotate convert', _TEXT)
