"""ICDAR2015, text in pictures: a text file an image, often with a byte order mark.

``x1,y1,x2,y2,x3,y3,x4,y4,transcription``, as in ``377,117,463,117,465,130,378,130,Genaxis Theatre``; the transcription
may hold commas, and ``###`` stands for text that cannot be read, which is difficult. All objects have the class 'text'.
The file of ``img_1.jpg`` is ``gt_img_1.txt`` or ``img_1.txt``.
"""

import re
from collections.abc import Iterator, Sequence

from .frame import PerImage, number_text
from .record import ClassNames, Entry, EntryError, Picture, Record
from .shapes import corners
from .text import text_of

CLASS, UNREADABLE = 'text', '###'
_LINE = re.compile(rb'(?:\xef\xbb\xbf)?(?:-?\d+(?:\.\d+)?,){7}-?\d+(?:\.\d+)?(?:,[^\r\n]*)?')
# ten columns with a small number at the end: DOTA with commas
_DIFFICULTY = re.compile(rb'(?:[^,]*,){9}[0-9]')


def read_icdar2015(content: bytes, names: ClassNames, picture: Picture) -> Iterator[Entry]:
    """Objects of a file; see :data:`mmrotate.datasets.formats.record.Reader`."""
    del names, picture
    for number, line in enumerate(text_of(content).splitlines(), start=1):
        if not line.strip():
            continue
        columns = [column.strip() for column in line.split(',', 8)]
        if len(columns) < 8:
            needed = '8 or 9 columns (x1,y1,x2,y2,x3,y3,x4,y4,transcription) are needed'
            raise EntryError(f'line {number}', f'{needed}, got {len(columns)}: {columns}')
        yield Entry(f'line {number}', columns[:8], CLASS, int(columns[8:] == [UNREADABLE]))


def write_icdar2015(record: Record, classes: Sequence[str]) -> str:
    """The file of a record; where a text is not known its class stands."""
    del classes
    rows = ((corners(e.shape), UNREADABLE if int(e.difficulty) > 0 else e.name) for e in record.entries)
    return ''.join(f'{",".join(map(number_text, values))},{word}\n' for values, word in rows)


def _suits(content: bytes) -> str | None:
    lines = [line.strip() for line in content.splitlines()[:10] if line.strip()]
    if not lines or not all(map(_LINE.fullmatch, lines)) or all(map(_DIFFICULTY.fullmatch, lines)):
        return None
    return 'eight numbers and a text, set apart by commas'


ICDAR2015 = PerImage(
    name='icdar2015',
    summary='ICDAR2015, a text file an image: x1,y1,x2,y2,x3,y3,x4,y4,transcription',
    suffix='.txt',
    suits=_suits,
    holds=frozenset(('turned', 'corners', 'difficulty', 'empty')),
    only=frozenset((CLASS,)),
    labels='{split}/labels',
    prefix='gt_',
    parse=read_icdar2015,
    dump=write_icdar2015,
)
