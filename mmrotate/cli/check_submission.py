"""``mmrotate check-submission``: does a test server take these files?"""

import argparse
import functools
from pathlib import Path

from mmrotate.cli.basics import run_command
from mmrotate.datasets.dota import DOTADataset, DOTAv2Dataset, DOTAv15Dataset
from mmrotate.datasets.image_folder import find_images
from mmrotate.datasets.submission_check import inspect_submission
from mmrotate.utils import UserError

# names that stand for all classes of a data set
_DATA_SETS = {'dota': DOTADataset, 'dota1.5': DOTAv15Dataset, 'dota2.0': DOTAv2Dataset}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument('submission', help='zip, or folder with files Task1_CLASS.txt or Task2_CLASS.txt')
    text = 'the images of the test set: their folder, or a text file with a name a line (default: any name is good)'
    parser.add_argument('--images', help=text)
    text = f'names of the classes, or for those of a data set one of {", ".join(_DATA_SETS)} (default: any)'
    parser.add_argument('--classes', nargs='+', help=text)


def run(args: argparse.Namespace) -> None:
    """Tell faults by file and line."""
    if not Path(args.submission).exists():
        raise UserError(f'there is no file or folder {args.submission}')
    classes = args.classes
    if classes and len(classes) == 1 and classes[0] in _DATA_SETS:
        classes = _DATA_SETS[classes[0]].CLASSES
    report = inspect_submission(args.submission, classes, _names(args.images) if args.images else None)
    for fault in report.faults:
        print(fault)
    if report.count > len(report.faults):
        print(f'... and {report.count - len(report.faults)} more')
    if report.count:
        raise UserError(f'{args.submission}: {report.count} faults, the test server would not take it')
    print(
        f'Task {report.task}: {report.detections} detections in {len(report.images)} images, '
        f'{len(report.classes)} classes: the test server takes it'
    )


def _names(given: str) -> set[str]:
    """Names of images without their endings."""
    path = Path(given)
    if path.is_dir():
        names = set(find_images(given))
    elif path.is_file():
        names = {line.strip() for line in path.read_text(encoding='utf-8-sig').splitlines() if line.strip()}
    else:
        raise UserError(f'--images: there is no file or folder {given}')
    if not names:
        raise UserError(f'--images: {given} has no images')
    return names


main = functools.partial(
    run_command, add_arguments, run, 'mmrotate check-submission', 'Say whether a test server takes a submission.'
)
