"""The YOLO formats of turned boxes: a text file per image with a line per object, in fractions of the image's size.

A line of YOLO-OBB is ``number x1 y1 x2 y2 x3 y3 x4 y4 [score]``, of YOLO-xywhr ``number x y w h angle [score]``
(centre, sides, radians clockwise; x and w are fractions of the image's width, y and h of its height). Both readers also
take lines of the other, and upright boxes ``number x y w h``. The numbers count the ``names`` of a YAML file.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import yaml

from mmrotate.utils.files import write_atomically

from .frame import PerImage, Split, number_text
from .record import ClassNames, Entry, EntryError, Picture, Record
from .shapes import box, corners
from .text import are_numbers, rows_of, text_of

_COLUMNS = {5: (4, False), 6: (5, False), 7: (5, True), 9: (8, False), 10: (8, True)}  # values of a shape, and a score?
_DECIMALS = 10  # of fractions: 0.00001 pixels in an image of 100,000
_MAX_ANGLE = 6.3  # radians: a full turn


def read_yolo(content: bytes, names: ClassNames, picture: Picture) -> Iterator[Entry]:
    """Objects of a file in one of the formats; see :data:`mmrotate.datasets.formats.record.Reader`."""
    del names
    for place, fields in rows_of(text_of(content)):
        try:
            count, scored = _COLUMNS[len(fields)]
        except KeyError:
            hint = f' (a polygon of {len(fields) // 2} corners?)' if len(fields) > 10 and len(fields) % 2 else ''
            needed = 'a class and 8 (corners), 5 (x y w h angle) or 4 (upright) values'
            raise EntryError(place, f'{needed} are needed, got {len(fields)} columns{hint}') from None
        try:
            values = [float(value) for value in fields[1 : count + 1]]
            yield Entry(
                place, _pixels(values, picture), picture.class_name(fields[0]), 0, fields[-1] if scored else None
            )
        except ValueError as error:
            raise EntryError(place, str(error)) from None


def _pixels(values: list[float], picture: Picture) -> list[float]:
    """The shape in pixels."""
    if not all(abs(value) <= 10 for value in values[:4] + values[5:]):  # NaN too
        raise ValueError(f'fractions of the size of the image are needed, got {values}')
    if len(values) == 5 and not abs(values[4]) <= _MAX_ANGLE:
        raise ValueError(f'the angle {values[4]:g} is no angle in radians; is it in degrees?')
    scaled = [value * picture.size[i % 2] for i, value in enumerate(values)]
    return scaled if len(values) == 8 else [*scaled[:4], *(values[4:] or [0.0])]


def write_yolo_obb(record: Record, classes: Sequence[str]) -> str:
    """The file of a record, with corners."""
    return _lines(record, classes, [corners(entry.shape) for entry in record.entries])


def write_yolo_xywhr(record: Record, classes: Sequence[str]) -> str:
    """The file of a record, with boxes."""
    return _lines(record, classes, [box(entry.shape) for entry in record.entries])


def _lines(record: Record, classes: Sequence[str], shapes: Sequence[Sequence[float]]) -> str:
    assert record.size is not None
    lines = []
    for entry, shape in zip(record.entries, shapes, strict=True):
        divided = [value / record.size[i % 2] for i, value in enumerate(shape)]
        values = divided if len(shape) == 8 else [*divided[:4], shape[4]]
        scores = [] if entry.score is None else [entry.score]
        numbers = [number_text(value, _DECIMALS) for value in (*values, *scores)]
        lines.append(f'{classes.index(entry.name)} {" ".join(numbers)}\n')
    return ''.join(lines)


def write_data_yaml(folder: Path, classes: Sequence[str], splits: Mapping[str, Split]) -> None:
    """Write ``data.yaml``, which names the folders of the images and the classes."""
    folders = {part: YOLO_OBB.images.format(split=part) for part in splits}
    content: dict[str, object] = {part: folders[part] for part in ('train', 'val', 'test') if part in splits}
    content.setdefault('train', next((folders[part] for part in splits if part not in content), content.get('val', '')))
    content.setdefault('val', content['train'])  # Ultralytics needs one
    content['names'] = dict(enumerate(classes))
    write_atomically(folder / 'data.yaml', yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def _suits(counts: Sequence[int], what: str, content: bytes) -> str | None:
    """Why a file is one of the format whose lines have so many columns."""
    rows = [fields for _, fields in rows_of(content.decode('utf-8-sig', 'replace'))][:10]
    fits = rows and all(len(row) in counts and row[0].isdecimal() and are_numbers(row) for row in rows)
    if fits and all(abs(float(value)) <= 2 for row in rows for value in row[1:5]):
        return f'{len(rows[0])} columns, the number of a class and {what}, as fractions'
    return None


def _suits_obb(content: bytes) -> str | None:
    return _suits((9, 10), 'four corners', content) or _suits((5,), 'an upright box', content)


def _suits_xywhr(content: bytes) -> str | None:
    return _suits((6, 7), 'a turned box', content)


YOLO_OBB = PerImage(
    name='yolo-obb',
    summary='a text file an image: class-number x1 y1 x2 y2 x3 y3 x4 y4 as fractions, and data.yaml',
    suffix='.txt',
    suits=_suits_obb,
    holds=frozenset(('turned', 'corners', 'score', 'empty')),
    images='images/{split}',
    labels='labels/{split}',
    numbered=True,
    needs_size=True,
    finish=write_data_yaml,
    parse=read_yolo,
    dump=write_yolo_obb,
    absent_is_empty=True,
)
YOLO_XYWHR = replace(
    YOLO_OBB,
    name='yolo-xywhr',
    summary='a text file an image: class-number x y w h angle as fractions and radians, and data.yaml',
    suits=_suits_xywhr,
    holds=YOLO_OBB.holds - {'corners'},
    dump=write_yolo_xywhr,
)
