"""Files for DOTA's server read again: ``Task1_CLASS.txt`` of a folder, image by image in bounded memory."""

import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mmrotate.core.bbox import obb2poly, poly2obb
from mmrotate.utils import UserError

# name and score, then corners of Task 1, or left, top, right, bottom of Task 2
COLUMNS = {1: 10, 2: 6}
NAME = re.compile(r'Task(\d)_(.+)\.txt')
VERSION = 'le135'  # of the boxes that are read: along the longer edge
_CROOKED = 1.0  # pixels between the corners of a file and those of the rectangle they are read as


class TaskFileError(UserError, ValueError):
    """Files of detections that cannot be read; the message names file and line."""


class TaskFiles:
    """The detections of a folder of ``Task1_CLASS.txt``.

    In memory there are only the places of each image's lines; any thread may read.

    Args:
        folder: the folder; other files in it do not matter.

    Raises:
        TaskFileError: there are no such files, or a line has other columns than name, score and eight coordinates.
    """

    version = VERSION

    def __init__(self, folder: str | Path) -> None:
        named = {
            match[2]: path for path in sorted(Path(folder).glob('Task1_*.txt')) if (match := NAME.match(path.name))
        }
        if not named:
            raise TaskFileError(f'there are no files Task1_CLASS.txt in {folder}')
        self.classes, self.paths = list(named), list(named.values())
        self.crooked: Counter[str] = Counter()  # boxes by image that are no rectangles
        self._places: dict[str, list[tuple[int, int, int]]] = {}  # image -> label, start and end of lines
        for label, path in enumerate(self.paths):
            for name, start, end in _runs(path):
                self._places.setdefault(name, []).append((label, start, end))
        self.images = sorted(self._places)

    def __getitem__(self, index: int) -> list[np.ndarray]:
        """Result of an image: a list over classes of (n, 6): x, y, w, h, theta, score."""
        name = self.images[index]
        rows: list[list[np.ndarray]] = [[] for _ in self.classes]
        for label, start, end in self._places[name]:
            rows[label].append(self._read(label, start, end))
        none = np.zeros((0, 9), np.float32)
        ends = np.cumsum([sum(map(len, each)) for each in rows])
        return np.split(self._boxes(name, np.concatenate([none, *(part for each in rows for part in each)])), ends[:-1])

    def _read(self, label: int, start: int, end: int) -> np.ndarray:
        """Score and corners (n, 9) of lines that are one after the other."""
        with self.paths[label].open('rb') as file:
            file.seek(start)
            fields = file.read(end - start).split()
        values = np.array([fields[i :: COLUMNS[1]] for i in range(1, COLUMNS[1])]).T
        try:
            with np.errstate(over='ignore'):
                numbers = values.astype(np.float32)
        except ValueError:
            numbers = None
        if numbers is None or not np.isfinite(numbers).all():
            raise self._fault(label, start, end)
        return numbers

    def _fault(self, label: int, start: int, end: int) -> TaskFileError:
        """What is wrong with the first line of some that holds no finite number where one is needed."""
        path = self.paths[label]
        with path.open('rb') as file:
            number = 1 + file.read(start).count(b'\n')
            lines = file.read(end - start).splitlines()
        for i, line in enumerate(lines):
            for field in line.decode(errors='replace').split()[1:]:
                if (reason := no_number(field)) is not None:
                    return TaskFileError(f'{path}, line {number + i}: {reason}')
        return TaskFileError(f'{path}, from line {number} on: a number is too large')

    def _boxes(self, name: str, rows: np.ndarray) -> np.ndarray:
        boxes = np.c_[poly2obb(rows[:, 1:], VERSION), rows[:, :1]].astype(np.float32)
        if len(rows):
            corners = [each.reshape(-1, 4, 2) for each in (obb2poly(boxes, VERSION), rows[:, 1:])]
            gaps = np.abs(corners[0][:, :, None] - corners[1][:, None]).max(-1).min(2).max(1)
            self.crooked[name] = int((gaps > _CROOKED).sum())
        return boxes


def no_number(field: str) -> str | None:
    """Why a field is no finite number; None if it is one."""
    try:
        return None if math.isfinite(float(field)) else f'{field!r} is not finite'
    except ValueError:
        return f'{field!r} is no number'


def _runs(path: Path) -> Iterator[tuple[str, int, int]]:
    """Name, start and end in bytes of lines of an image that follow each other; empty lines are passed over."""
    with path.open('rb') as lines:
        current, start, end = b'', 0, 0
        for number, line in enumerate(lines, 1):
            place, end = end, end + len(line)
            if not (fields := line.split()):
                continue
            if len(fields) != COLUMNS[1]:
                raise TaskFileError(
                    f'{path}, line {number}: {COLUMNS[1]} columns are needed (image, score, four corners), got '
                    f'{len(fields)}'
                )
            if fields[0] != current:
                if current:
                    yield current.decode(errors='surrogateescape'), start, place
                current, start = fields[0], place
        if current:
            yield current.decode(errors='surrogateescape'), start, end
