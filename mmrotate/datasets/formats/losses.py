"""What of a record a format cannot hold."""

import collections

from .frame import Format
from .record import Entry, Record
from .shapes import is_rectangle, is_upright


def losses_of(record: Record, row: Format) -> collections.Counter[str]:
    """How many objects of a checked record lose what, by the names in :data:`.frame.LOSSES`."""
    lost = collections.Counter(name for entry in record.entries for name in _of_entry(entry, row))
    if not record.entries and 'empty' not in row.holds:
        lost['empty'] = 1
    return lost


def _of_entry(entry: Entry, row: Format) -> list[str]:
    has = {
        'turned': 'turned' not in row.holds and not is_upright(entry.shape),
        'corners': 'corners' not in row.holds and not is_rectangle(entry.shape),
        'difficulty': bool(entry.difficulty),
        'grade': entry.difficulty not in (0, 1) and 'difficulty' in row.holds,
        'score': entry.score is not None,
        'heading': entry.heading is not None,
    }
    unknown = ['class'] if row.only is not None and entry.name not in row.only else []
    return [name for name, found in has.items() if found and name not in row.holds] + unknown
