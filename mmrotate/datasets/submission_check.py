"""Whether DOTA's server takes a submission: a flat zip, or a folder to be zipped, of ``Task1_CLASS.txt``."""

import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from .scenes import patch_of
from .task_files import COLUMNS, NAME, no_number

_NO_DATA = {'__MACOSX', '.DS_Store', 'Thumbs.db'}


@dataclass
class SubmissionReport:
    """What was found."""

    faults: list[str] = field(default_factory=list)  # the first of them, each with its file and, of a line, its number
    count: int = 0  # of all of them
    task: int | None = None
    classes: list[str] = field(default_factory=list)
    detections: int = 0
    images: set[str] = field(default_factory=set)

    def fault(self, place: str, reason: str) -> None:
        """Note a fault."""
        self.count += 1
        if self.count <= _SHOWN:
            self.faults.append(f'{place}: {reason}')


_SHOWN = 20


def inspect_submission(
    path: str | Path, classes: Collection[str] | None = None, images: Collection[str] | None = None
) -> SubmissionReport:
    """Check a submission, line by line.

    Args:
        path: a zip, or a folder.
        classes: names of the classes that it must have, no other; None: any.
        images: names of the images without their endings, those of others are faults; None: any that are no patches.
    """
    report = SubmissionReport()
    path = Path(path)
    with _files(path, report) as files:
        tasks = {}
        for name, opened in files.items():
            match = NAME.fullmatch(name)
            if match is None or int(match[1]) not in COLUMNS:
                report.fault(name, 'is no file Task1_CLASS.txt or Task2_CLASS.txt')
                continue
            tasks[name] = int(match[1])
            report.classes.append(match[2])
            try:
                with opened() as lines:
                    _check_lines(name, lines, COLUMNS[tasks[name]], images, report)
            except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError) as error:
                report.fault(name, f'cannot be read: {error}')
    if len(set(tasks.values())) > 1:
        report.fault(str(path), 'holds files of Task 1 and of Task 2: hand in one at a time')
    report.task = min(tasks.values(), default=None)
    _check_classes(path, classes, report)
    return report


def _check_classes(path: Path, classes: Collection[str] | None, report: SubmissionReport) -> None:
    if not report.classes:
        report.fault(str(path), 'holds no file Task1_CLASS.txt or Task2_CLASS.txt')
    elif classes is not None:
        for name in sorted(set(classes) - set(report.classes)):
            report.fault(str(path), f'has no file of the class {name!r}: one without lines is needed at least')
        for name in sorted(set(report.classes) - set(classes)):
            report.fault(str(path), f'has a file of a class that is not known: {name!r}')


@contextmanager
def _files(path: Path, report: SubmissionReport) -> Iterator[dict[str, Callable[[], IO[bytes]]]]:
    """Name of each file, and how it is opened."""
    if path.is_dir():
        found = sorted(each for each in path.iterdir() if each.suffix != '.zip' and not each.name.startswith('.'))
        for each in found:
            if each.is_dir():
                report.fault(str(each), 'is a folder: the files must lie side by side')
        yield {each.name: _opener(each) for each in found if each.is_file()}
        return
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile:
        report.fault(str(path), 'is neither a folder nor a zip')
        yield {}
        return
    with archive:
        for name in archive.namelist():
            if len(PurePosixPath(name).parts) > 1 or name.endswith('/'):
                report.fault(name, f'lies in a folder inside of {path.name}: zip the files, not the folder they lie in')
        flat = [name for name in archive.namelist() if '/' not in name]
        yield {name: _member(archive, name) for name in flat if name not in _NO_DATA}


def _opener(path: Path) -> Callable[[], IO[bytes]]:
    return lambda: path.open('rb')


def _member(archive: zipfile.ZipFile, name: str) -> Callable[[], IO[bytes]]:
    return lambda: archive.open(name)


def _check_lines(
    name: str, lines: IO[bytes], columns: int, images: Collection[str] | None, report: SubmissionReport
) -> None:
    """Check the lines of a file; what is wrong with an image's name is told once a file."""
    told: set[str] = set()
    for number, line in enumerate(lines, 1):
        report.detections += 1
        place = f'{name}, line {number}'
        try:
            fields = line.decode('utf-8').rstrip('\r\n').split(' ')
        except UnicodeDecodeError:
            report.fault(place, 'is no UTF-8')
            continue
        if (reason := _wrong_line(fields, columns)) is not None:
            report.fault(place, reason)
            continue
        if (image := fields[0]) not in told and (reason := _wrong_image(image, images)) is not None:
            told.add(image)
            report.fault(place, reason)
        report.images.add(image)


def _wrong_line(fields: list[str], columns: int) -> str | None:
    if len(fields) != columns:
        rest = 'four corners' if columns == COLUMNS[1] else 'left, top, right, bottom'
        return f'{columns} columns set apart by one space are needed (image, score, {rest}), got {len(fields)}'
    for value in fields[1:]:
        if (reason := no_number(value)) is not None:
            return reason
    if columns == COLUMNS[2]:
        left, top, right, bottom = map(float, fields[2:])
        if left > right or top > bottom:
            return f'{" ".join(fields[2:])} are not left, top, right, bottom'
    return None


def _wrong_image(name: str, images: Collection[str] | None) -> str | None:
    if images is not None:
        return None if name in images else f'there is no image {name!r}'
    patch = patch_of(name)
    return patch and f'{name!r} is a patch, of the scene {patch.scene!r}: mmrotate merge puts them together'
