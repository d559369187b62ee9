"""CSV: one file with a row for each object, under a row of titles.

The columns, in any order: ``image`` (path relative to the folder of the images), the shape as ``x1 y1 x2 y2 x3 y3 x4
y4`` or as ``x y w h angle`` (centre, sides, radians clockwise), both in pixels, ``class``, and if wanted
``difficulty``, ``score``, ``heading``, and ``width`` and ``height`` of the image. A row with nothing but an image is
one without objects. Columns with other titles are left aside.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from .frame import PerSet, number_text
from .record import Entry, EntryError, Record
from .shapes import corners
from .text import text_of

_CORNERS = tuple(f'{axis}{number}' for number in range(1, 5) for axis in 'xy')
_BOX = ('x', 'y', 'w', 'h', 'angle')
_TITLES = ('image', *_CORNERS, 'class', 'difficulty', 'score', 'heading', 'width', 'height')


def parse_csv(path: Path, images: Path | None = None) -> Iterator[Record]:
    """The records of a file, in the order of their first rows; see :class:`.frame.PerSet`."""
    del images
    rows = csv.DictReader(io.StringIO(text_of(path.read_bytes()), newline=''), skipinitialspace=True)
    found: dict[str, list[Entry]] = {}
    sizes: dict[str, tuple[int, int] | None] = {}
    try:
        columns = _shape_columns(rows.fieldnames or ())
        for row in rows:
            place = f'line {rows.line_num}'
            if not (name := row['image']):
                raise EntryError(place, 'no image')
            entries = found.setdefault(name, [])
            sizes[name] = sizes.get(name) or _size(row, place)
            if any(row[key] for key in (*columns, 'class')):
                entries.append(_entry(row, columns, place))
    except csv.Error as error:
        raise ValueError(f'line {rows.line_num}: {error}') from None
    return (Record(name, entries, sizes[name]) for name, entries in found.items())


def _shape_columns(titles: Sequence[str]) -> tuple[str, ...]:
    """The columns of the shape; a ValueError if a column is missing."""
    for columns in (_CORNERS, _BOX):
        if {'image', 'class', *columns} <= set(titles):
            return columns
    needed = f'image, class and {" ".join(_CORNERS)} or {" ".join(_BOX)}'
    raise ValueError(f'a first line with {needed} is needed, got {list(titles)}')


def _entry(row: Mapping[str, str | None], columns: Sequence[str], place: str) -> Entry:
    score, heading = row.get('score') or None, row.get('heading') or None
    return Entry(place, [row[key] for key in columns], row['class'] or '', row.get('difficulty') or 0, score, heading)


def _size(row: Mapping[str, str | None], place: str) -> tuple[int, int] | None:
    width, height = row.get('width') or '', row.get('height') or ''
    if not width and not height:
        return None
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise EntryError(place, f'width and height must be whole numbers above 0, got {width!r} and {height!r}')
    return int(width), int(height)


def dump_csv(records: Iterable[Record], classes: Sequence[str]) -> Iterator[str]:
    """The text of a file, in pieces."""
    del classes
    yield _line(_TITLES)
    for record in records:
        size = ['', ''] if record.size is None else list(map(str, record.size))
        for e in record.entries:
            optional = ['' if value is None else number_text(value) for value in (e.score, e.heading)]
            yield _line(
                [record.image, *map(number_text, corners(e.shape)), e.name, str(e.difficulty), *optional, *size]
            )
        if not record.entries:
            yield _line([record.image, *[''] * (len(_TITLES) - 3), *size])


def _line(values: Iterable[str]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator='\n').writerow(values)
    return file.getvalue()


def _suits(content: bytes) -> str | None:
    """Why a file is one of the format."""
    titles = next(csv.reader(content.decode('utf-8-sig', 'replace').splitlines()[:1], skipinitialspace=True), [])
    try:
        return f'the columns image, class and {" ".join(_shape_columns(titles))}'
    except ValueError:
        return None


CSV = PerSet(
    name='csv',
    summary='a table: image, x1, y1 ... x4, y4, class, difficulty, score, heading, width, height',
    suffix='.csv',
    suits=_suits,
    holds=frozenset(('turned', 'corners', 'difficulty', 'grade', 'score', 'heading', 'empty', 'size')),
    images='{split}',
    labels='{split}.csv',
    parse=parse_csv,
    dump=dump_csv,
)
