"""Tables as files."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mmrotate.utils.files import write_atomically


def write_table(path: str | Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    """Write a CSV file; numbers that are not whole have six digits. Gives the path."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(head)
    writer.writerows([_cell(value) for value in row] for row in rows)
    write_atomically(path, text.getvalue())
    return Path(path)


def _cell(value: Any) -> Any:
    if isinstance(value, int | str) or value is None:
        return value
    return '' if value != value else f'{value:.6g}'  # NaN: there is no value
