"""UCAS-AOD, cars and planes: a text file an image.

``x1 y1 x2 y2 x3 y3 x4 y4 theta x y width height``: the corners, an angle, and the upright box around them; of which
the corners are read. The folder, CAR or PLANE, says the class of all objects; in sets that are put together the class
stands before the numbers. Known from programs that read it, from which it is not clear what theta counts from: it is
written in radians, clockwise, of the side from the first corner to the second.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from .frame import PerImage, number_text
from .record import ClassNames, Entry, EntryError, Picture, Record
from .shapes import box, corners, upright
from .text import are_numbers, text_of

CLASSES = ('car', 'airplane')
_FOLDERS = {'car': 'car', 'plane': 'airplane'}
_COLUMNS = 'x1 y1 x2 y2 x3 y3 x4 y4 theta x y width height'


def read_ucas_aod(content: bytes, names: ClassNames, picture: Picture) -> Iterator[Entry]:
    """Objects of a file; see :data:`mmrotate.datasets.formats.record.Reader`."""
    del names
    for number, line in enumerate(text_of(content).splitlines(), start=1):
        columns = _columns(line)
        if not columns:
            continue
        place = f'line {number}'
        name = '' if are_numbers(columns[:1]) else columns.pop(0)
        if len(columns) != 13:
            raise EntryError(place, f'13 numbers ({_COLUMNS}) are needed, got {len(columns)}: {columns}')
        yield Entry(place, columns[:8], name or _class_of(place, picture))


def _columns(line: str) -> list[str]:
    """Of a name with blanks only tabs tell the end."""
    return [column.strip() for column in line.split('\t' if '\t' in line.strip() else None) if column.strip()]


def _class_of(place: str, picture: Picture) -> str:
    """The class that a folder above the image stands for, the nearest one."""
    folders = Path(picture.folder or '', picture.name).parent.parts
    for folder in reversed(folders):
        if folder.lower() in _FOLDERS:
            return _FOLDERS[folder.lower()]
    raise EntryError(place, 'no class: a name before the numbers, or a folder CAR or PLANE above the image is needed')


def write_ucas_aod(record: Record, classes: Sequence[str]) -> str:
    """The file of a record, with the class before the numbers."""
    del classes
    rows = []
    for entry in record.entries:
        left, top, right, bottom = upright(entry.shape)
        values = (*corners(entry.shape), box(entry.shape)[4], left, top, right - left, bottom - top)
        rows.append('\t'.join([entry.name, *map(number_text, values)]))
    return ''.join(f'{row}\n' for row in rows)


def _suits(content: bytes) -> str | None:
    lines = [_columns(line) for line in content.decode('utf-8-sig', 'replace').splitlines()[:10]]
    rows = [line for line in lines if line]
    if rows and all(len(row) in (13, 14) and are_numbers(row[-13:]) for row in rows):
        return f'{len(rows[0])} columns, thirteen numbers'
    return None


UCAS_AOD = PerImage(
    name='ucas-aod',
    summary=f'UCAS-AOD, a text file an image: [class] {_COLUMNS}',
    suffix='.txt',
    suits=_suits,
    holds=frozenset(('turned', 'corners', 'class', 'empty')),
    labels='{split}/labels',
    parse=read_ucas_aod,
    dump=write_ucas_aod,
)
