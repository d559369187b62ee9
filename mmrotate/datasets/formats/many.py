"""Reading many label files at once: the checks of single files, but boxes and arrays are made for all together."""

import collections
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .cache import LabelCache
from .dota import read_dota
from .dota_lines import parse_dota_files
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

# the contents of files, and the classes, to the files that are as usual: index, corners (n, 8), labels and difficulties
Quick = Callable[[Sequence[bytes], ClassNames], Mapping[int, tuple[np.ndarray, np.ndarray, np.ndarray]]]
_QUICK: dict[Reader, Quick] = {read_dota: parse_dota_files}
_AT_ONCE = 2000  # files whose content is held in memory together
_BLOCK = 1 << 16  # bytes that are read at once; of a file fewer come only at its end


class _Table(NamedTuple):
    """The objects of many files, one after the other."""

    bboxes: np.ndarray  # as in Labels, as are the next three
    labels: np.ndarray
    polygons: np.ndarray
    difficulties: np.ndarray
    counts: np.ndarray  # objects of each file
    degenerate: np.ndarray  # objects of each file that were left out for their box
    others: np.ndarray  # uint8, JSON: {number of a file: {class: objects that were left out for it}}

    def split(self) -> list[Labels]:
        """The objects of each file; their arrays are parts of the table's."""
        ends = np.cumsum(self.counts).tolist()
        others = {int(file): collections.Counter(names) for file, names in json.loads(self.others.tobytes()).items()}
        nothing: collections.Counter[str] = collections.Counter()
        rows = zip([0, *ends[:-1]], ends, self.degenerate.tolist(), strict=True)
        return [
            Labels(self.bboxes[start:end], self.labels[start:end], self.polygons[start:end],
                   self.difficulties[start:end], degenerate, others.get(file, nothing))
            for file, (start, end, degenerate) in enumerate(rows)
        ]  # fmt: skip


def read_many(
    files: Mapping[str, str | Path], reader: Reader, names: ClassNames, version: str, images: Path,
    classes: Sequence[str],
) -> dict[str, Labels]:  # fmt: skip
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
    if not files:
        return {}
    settings = [names.index, sorted(names.others), version, os.path.abspath(images), list(classes)]
    cache = None if names.open else LabelCache.of(files, reader, settings)
    kept = cache.load() if cache else None
    if kept:
        return dict(zip(files, _Table(**kept).split(), strict=True))
    pictures: list[Picture] = []  # those that a reader was given

    def read(content: bytes, image: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, collections.Counter[str]]:
        pictures.append(Picture(image, images, classes))
        left: collections.Counter[str] = collections.Counter()
        entries = with_fronts(reader(content, names, pictures[-1]), version)
        return *check_entries(entries, names, left), left

    quick = _QUICK.get(reader)
    items = list(files.items())
    starts = range(0, len(items), _AT_ONCE)
    table = _joined([_read_part(items[i : i + _AT_ONCE], i, read, quick, names, version) for i in starts])
    if cache:
        cache.save(table._asdict(), [os.path.join(images, each.name) for each in pictures if 'size' in vars(each)])
    return dict(zip(files, table.split(), strict=True))


def _joined(parts: Sequence[tuple[Sequence[np.ndarray], dict[int, dict[str, int]]]]) -> _Table:
    columns = [np.concatenate(column) for column in zip(*(columns for columns, _ in parts), strict=True)]
    others = {file: left for _, each in parts for file, left in each.items()}
    return _Table._make([*columns, np.frombuffer(json.dumps(others).encode(), np.uint8)])


def _read_part(
    items: Sequence[tuple[str, str | Path]], first: int, read: Callable[[bytes, str], Any], quick: Quick | None,
    names: ClassNames, version: str,
) -> tuple[Sequence[np.ndarray], dict[int, dict[str, int]]]:  # fmt: skip
    """The arrays of a table, and objects of other classes, by the number of the file."""
    contents = [_content(path) for _, path in items]
    usual = quick(contents, names) if quick else {}
    columns, others = [], {}
    for index, (content, (name, path)) in enumerate(zip(contents, items, strict=True)):
        if index in usual:
            columns.append(usual[index])
            continue
        with naming_file(path):
            *arrays, left = read(content, name)
        columns.append(arrays)
        if left:
            others[first + index] = dict(left)
    counts = np.array([len(labels) for _, labels, _ in columns], np.int64)
    boxes, polygons, good = pack_shapes([shapes for shapes, *_ in columns], version)
    labels, difficulties = (np.concatenate([each[i] for each in columns]).astype(np.int64) for i in (1, 2))
    file_of = np.repeat(np.arange(len(items)), counts)
    kept = np.bincount(file_of[good], minlength=len(items))
    for index in np.flatnonzero((kept == 0) & (counts > 0)).tolist():
        with naming_file(items[index][1]):
            check_scale(columns[index][0])
    if not good.all():
        boxes, labels, polygons, difficulties = (each[good] for each in (boxes, labels, polygons, difficulties))
    return (boxes, labels, polygons, difficulties, kept, counts - kept), others


def _content(path: str | Path) -> bytes:
    """The content of a file; :func:`open` would take twice the time."""
    with naming_file(path):
        file = os.open(path, os.O_RDONLY | getattr(os, 'O_BINARY', 0))
        try:
            content = part = os.read(file, _BLOCK)
            while len(part) == _BLOCK:
                content += (part := os.read(file, _BLOCK))
            return content
        finally:
            os.close(file)
