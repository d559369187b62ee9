"""The quick way for files in the DOTA format: many of them at once, those that hold nothing unusual.

A file is as usual if its lines have nine or ten columns set apart by blanks, with plain numbers (``12`` or ``-3.75``),
one of the known classes, and a whole number. All others are left to the careful reader, which knows what is wrong.
"""

from collections.abc import Sequence

import numpy as np

from mmrotate.ops.label_lines import parse_label_lines

from .record import MAX_PIXEL, ClassNames


def parse_dota_files(
    contents: Sequence[bytes], names: ClassNames
) -> dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Corners (n, 8), labels (n,) and difficulties (n,) of the files that are as usual, by their index."""
    if names.open or any(len(name.split()) != 1 for name in (*names.index, *names.others)):
        return {}
    found = parse_label_lines(contents, [name.encode() for name in names.index], MAX_PIXEL)
    if found is None:
        return {}
    corners, classes, difficulties, counts = found
    labels = np.array(list(names.index.values()), np.int64)[classes]
    usual, ends = counts >= 0, np.cumsum(np.maximum(counts, 0))
    starts = ends - np.maximum(counts, 0)
    columns = (corners, labels, difficulties)
    return {
        index: tuple(column[starts[index] : ends[index]] for column in columns)  # type: ignore[misc]
        for index in np.flatnonzero(usual).tolist()
    }
