"""Reading one label file in the DOTA format.

A line is ``x1 y1 x2 y2 x3 y3 x4 y4 class [difficulty]``: the corners in pixels, in order around the object. The file
may begin with the header lines ``imagesource:...`` and ``gsd:...``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmrotate.core.bbox import polys2obb_np
from mmrotate.utils import UserError

_HEADERS = ('imagesource:', 'gsd:')
_FORMAT = 'x1 y1 x2 y2 x3 y3 x4 y4 class [difficulty]'


class LabelError(UserError, ValueError):
    """A label file that cannot be read; the message holds its path and the line."""


@dataclass
class Labels:
    """Objects of one image."""

    bboxes: np.ndarray  # float32 (n, 5), pixels and radians
    labels: np.ndarray  # int64 (n,), index into the classes
    polygons: np.ndarray  # float32 (n, 8), the corners as they stand in the file
    difficulties: np.ndarray  # int64 (n,)
    degenerate: int = 0  # number of lines left out because their box has no area to speak of

    def annotation(self, difficulty: int) -> dict[str, np.ndarray]:
        """As the dict that datasets hold; objects above ``difficulty`` are those to ignore."""
        keep = self.difficulties <= difficulty
        every = {'bboxes': self.bboxes, 'labels': self.labels, 'polygons': self.polygons}
        return {f'{key}{end}': v[mask] for end, mask in (('', keep), ('_ignore', ~keep)) for key, v in every.items()}


def read_dota_labels(path: str | Path, class_index: dict[str, int], version: str) -> Labels:
    """Read a label file; ``class_index`` has the label of each class name, ``version`` is that of the boxes' angles.

    Raises:
        LabelError: a line has the wrong length, a value that is no finite number, or an unknown class. Degenerate
            boxes are no error: they are counted.
    """
    try:
        lines = Path(path).read_text(encoding='utf-8-sig').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LabelError(f'cannot read the label file {path}: {error}') from error
    objects = []
    for number, line in enumerate(lines, start=1):
        fields = line.split()
        if not fields or fields[0].lower().startswith(_HEADERS):
            continue
        try:
            objects.append(_parse(fields, class_index))
        except ValueError as error:
            raise LabelError(f'{path}, line {number}: {error}') from None
    return pack_labels(objects, version)


def pack_labels(objects: Sequence[tuple[list[float], int, int]], version: str) -> Labels:
    """Labels of objects given as polygon, label and difficulty."""
    columns = zip(*objects, strict=True) if objects else ((), (), ())
    polygons, labels, difficulties = map(np.array, columns, (np.float32, np.int64, np.int64))
    polygons = polygons.reshape(-1, 8)
    boxes, good = polys2obb_np(polygons, version)
    boxes = boxes[good].astype(np.float32)
    return Labels(boxes, labels[good], polygons[good], difficulties[good], degenerate=int((~good).sum()))


def _parse(fields: list[str], class_index: dict[str, int]) -> tuple[list[float], int, int]:
    """Polygon, label and difficulty of one line; a ValueError says what is wrong with it."""
    if len(fields) not in (9, 10):
        raise ValueError(f'9 or 10 columns ({_FORMAT}) are needed, got {len(fields)}: {fields}')
    name = fields[8]
    if name not in class_index:
        yolo = ' (a number: is this the YOLO format, with the class in the first column?)'
        hint = yolo if _is_number(name) else ''
        raise ValueError(f'unknown class {name!r}{hint}; the known classes: {list(class_index)}')
    for text in fields[:8]:
        if not _is_number(text):
            raise ValueError(f'the corner value {text!r} is no finite number; needed: {_FORMAT}')
    difficulty = fields[9] if len(fields) == 10 else '0'
    try:
        return [float(text) for text in fields[:8]], class_index[name], int(difficulty)
    except ValueError:
        raise ValueError(f'the difficulty must be an integer, got {difficulty!r}') from None


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
