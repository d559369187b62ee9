"""Reading many label files at once: the checks of single files, but boxes and arrays are made for all together."""

import collections
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from .cache import LabelCache
from .dota import read_dota
from .dota_lines import read_dota_files
from .label_table import LabelTable
from .record import (
    ClassNames,
    Labels,
    Picture,
    Reader,
    check_entries,
    check_scale,
    naming_file,
    pack_shapes,
    with_fronts,
)

# paths and classes to corners (n, 8), labels (n,) and difficulties (n,) of the files that are as usual, and the number
# of objects of each file, -1 for one that is not
Quick = Callable[[Sequence[str], ClassNames], tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None]
_QUICK: dict[Reader, Quick] = {read_dota: read_dota_files}


def read_many(
    files: Mapping[str, str | Path], reader: Reader, names: ClassNames, version: str, images: Path,
    classes: Sequence[str],
) -> dict[str, Labels]:  # fmt: skip
    """The objects of label files by the name of their image, from :func:`read_table`."""
    return dict(zip(files, read_table(files, reader, names, version, images, classes).split(), strict=True))


def read_table(
    files: Mapping[str, str | Path], reader: Reader, names: ClassNames, version: str, images: Path,
    classes: Sequence[str],
) -> LabelTable:  # fmt: skip
    """The objects of label files, given by the name of their image, as :func:`.record.read_labels` gives them.

    Of many files they are kept in a cache, see :class:`.cache.LabelCache`.

    Args:
        files: paths of the label files.
        reader: the reader of their format.
        names: the classes.
        version: that of the boxes' angles.
        images: the folder of the images.
        classes: the names that numbers of classes in the files stand for.

    Raises:
        LabelError: a file cannot be read.
    """
    paths = list(map(str, files.values()))
    settings = [names.index, sorted(names.others), version, os.path.abspath(images), list(classes)]
    cache = None if names.open else LabelCache.of(list(files), paths, reader, settings)
    if kept := cache.load() if cache else None:
        return LabelTable(**kept)
    careful = _Careful(reader, names, version, images, classes)
    table = _read(list(files), paths, careful, version)
    if cache:
        cache.save(table._asdict(), careful.measured())
    return table


class _Careful:
    """Reads a label file with its reader, and remembers the images."""

    def __init__(self, reader: Reader, names: ClassNames, version: str, images: Path, classes: Sequence[str]) -> None:
        self.reader, self.names, self.version, self.images, self.classes = reader, names, version, images, classes
        self.quick = _QUICK.get(reader)
        self._pictures: list[Picture] = []

    def read(self, image: str, path: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, collections.Counter[str]]:
        """What :func:`.record.check_entries` gives of a file, and the objects that were left out for their class."""
        left: collections.Counter[str] = collections.Counter()
        self._pictures.append(Picture(image, self.images, self.classes))
        with naming_file(path):
            entries = self.reader(Path(path).read_bytes(), self.names, self._pictures[-1])
            entries = with_fronts(entries, self.version)
            return *check_entries(entries, self.names, left), left

    def measured(self) -> list[str]:
        """Paths of the images whose size was asked for."""
        return [os.path.join(self.images, each.name) for each in self._pictures if 'size' in vars(each)]


def _read(images: Sequence[str], paths: Sequence[str], careful: _Careful, version: str) -> LabelTable:
    found = careful.quick(paths, careful.names) if careful.quick else None
    *columns, counts = found or (np.zeros((0, 8)), *np.zeros((2, 0), np.int64), np.full(len(paths), -1))
    unusual = np.flatnonzero(counts < 0).tolist()
    read = [careful.read(images[i], paths[i]) for i in unusual]
    files = np.concatenate([np.flatnonzero(counts >= 0), unusual]).astype(np.int64)  # in the order of the rows
    counts[unusual] = [len(labels) for _, labels, *_ in read]
    shapes = [columns[0], *(each[0] for each in read)]
    labels, difficulties = (np.concatenate([columns[i], *(each[i] for each in read)]) for i in (1, 2))
    boxes, polygons, good = pack_shapes(shapes, version)
    file_of = np.repeat(files, counts[files])
    kept = np.bincount(file_of[good], minlength=len(paths))
    for i in np.flatnonzero((kept == 0) & (counts > 0)).tolist():
        shape = careful.read(images[i], paths[i])[0]
        with naming_file(paths[i]):
            check_scale(shape)
    rows = (boxes, labels, polygons, difficulties)
    if unusual or not good.all():
        order = np.argsort(file_of, kind='stable')
        order = order[good[order]]
        rows = tuple(column[order] for column in rows)
    others = {i: dict(left) for i, (*_, left) in zip(unusual, read, strict=True) if left}
    return LabelTable(*rows, kept, counts - kept, np.frombuffer(json.dumps(others).encode(), np.uint8))
