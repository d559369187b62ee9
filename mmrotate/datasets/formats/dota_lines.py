"""The quick way for files in the DOTA format: many of them at once, those that hold nothing unusual.

A file is as usual if its lines have nine or ten columns set apart by blanks, with plain numbers (``12`` or ``-3.75``),
one of the known classes, and a whole number. All others are left to the careful reader, which knows what is wrong.
"""

from collections.abc import Sequence

import numpy as np

from mmrotate.ops.label_files import read_label_files

from .record import MAX_PIXEL, ClassNames


def read_dota_files(
    paths: Sequence[str], names: ClassNames
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
    """Corners (n, 8), float32, labels (n,) and difficulties (n,) of the files that are as usual, one after the other.

    The last array has the number of objects of each file, -1 for one that is not as usual. None if no file can be.
    """
    if names.open or any(len(name.split()) != 1 for name in (*names.index, *names.others)):
        return None
    found = read_label_files(paths, [name.encode() for name in names.index], MAX_PIXEL)
    if found is None:
        return None
    corners, classes, difficulties, counts = found
    return corners, np.array(list(names.index.values()), np.int64)[classes], difficulties, counts
