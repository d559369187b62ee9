"""The DOTA format: a text file per image with a line per object.

A line is ``x1 y1 x2 y2 x3 y3 x4 y4 class [difficulty]``: the corners in pixels, in order around the object; columns may
be set apart by commas too. The file may begin with the header lines ``imagesource:...`` and ``gsd:...``.
"""

import functools
from collections.abc import Iterator, Sequence

from .frame import PerImage, number_text
from .record import ClassNames, Entry, EntryError, Picture, Record
from .shapes import corners
from .text import are_numbers, text_of

_HEADERS = ('imagesource:', 'gsd:')
_FORMAT = 'x1 y1 x2 y2 x3 y3 x4 y4 class [difficulty]'

_NUMBER_STARTS = ('+', '-', '.')


def read_dota(content: bytes, names: ClassNames, picture: Picture) -> Iterator[Entry]:
    """Objects of a file in the DOTA format; see :data:`mmrotate.datasets.formats.record.Reader`."""
    del picture
    for number, line in enumerate(text_of(content).splitlines(), start=1):
        fields = line.split()
        if not fields or fields[0].lower().startswith(_HEADERS):
            continue
        if ',' in fields[0]:
            fields = [column.strip() for column in line.split(',')]
        place = f'line {number}'
        if fields[0][:1] not in _NUMBER_STARTS and not fields[0][:1].isdigit():
            raise EntryError(place, f'{fields[0]!r} is no corner value; needed: {_FORMAT}{_hint(line)}')
        try:
            yield Entry(place, fields[:8], *_class_and_difficulty(tuple(fields[8:]), names))
        except ValueError as error:
            columns = f'9 or 10 columns ({_FORMAT}) are needed, got {len(fields)}: {fields}'
            raise EntryError(place, f'{error}{columns}{_hint(line)}') from None


def write_dota(record: Record, classes: Sequence[str]) -> str:
    """The file of a record."""
    del classes
    lines = (' '.join([*map(number_text, corners(e.shape)), e.name, str(e.difficulty)]) for e in record.entries)
    return ''.join(f'{line}\n' for line in lines)


def _suits(content: bytes) -> str | None:
    """Why a file is one of the format."""
    lines = [line.split() for line in content.decode('utf-8-sig', 'replace').splitlines() if line.strip()]
    rows = [line for line in lines if not line[0].lower().startswith(_HEADERS)]
    if len(rows) < len(lines) and not rows:
        return 'a header line of DOTA'
    if rows and all(len(row) >= 9 and are_numbers(row[:8]) and not are_numbers(row[8:9]) for row in rows[:10]):
        return f'{len(rows[0])} columns, eight numbers and a name'
    return None


@functools.lru_cache(maxsize=1024)
def _class_and_difficulty(words: tuple[str, ...], names: ClassNames) -> tuple[str, str]:
    """The columns after the corners, of which the name may have several words."""
    whole, name, last = ' '.join(words), ' '.join(words[:-1]), ''.join(words[-1:])
    if names.open and words:
        return (name, last) if name and are_numbers([last]) else (whole, '0')
    if whole in names and name in names:
        raise ValueError(f'{whole!r} is a class, or {name!r} with a difficulty: give every object a difficulty; ')
    if whole in names or len(words) == 1:
        return whole, '0'
    if name in names or len(words) == 2:
        return name, last
    raise ValueError('class names with spaces are read if they are known classes; ' if len(words) > 2 else '')


def _hint(line: str) -> str:
    """What else the line may be."""
    words = line.replace(',', ' ').split()
    if line.lstrip().startswith(('<', '{', '[')):
        return ' (this looks like XML or JSON)'
    if not any(word[0].isdigit() for word in words):
        return ' (is this a line of column titles? remove it)'
    if len(words) == 5 and all(word[-1].isdigit() for word in words):
        return ' (five numbers: is this the YOLO format, class and box as fractions of the image?)'
    return ' (columns must be set apart by blanks or commas)' if ';' in line else ''


DOTA = PerImage(
    name='dota',
    summary='a text file an image: x1 y1 x2 y2 x3 y3 x4 y4 class difficulty',
    suffix='.txt',
    suits=_suits,
    holds=frozenset(('turned', 'corners', 'difficulty', 'grade', 'empty')),
    labels='{split}/labelTxt',
    parse=read_dota,
    dump=write_dota,
)
