"""Reading many label files at once: the checks of single files, but boxes and arrays are made for all together."""

import collections
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .cache import LabelCache
from .dota import read_dota
from .dota_lines import parse_dota_files
from .record import ClassNames, Labels, Picture, Reader, check_entries, check_scale, naming_file, pack_shapes

# the contents of files, and the classes, to the files that are as usual: index, corners (n, 8), labels and difficulties
Quick = Callable[[Sequence[bytes], ClassNames], Mapping[int, tuple[np.ndarray, np.ndarray, np.ndarray]]]
_QUICK: dict[Reader, Quick] = {read_dota: parse_dota_files}
_AT_ONCE = 2000  # files whose content is held in memory together


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
        rows = zip([0, *ends[:-1]], ends, self.degenerate.tolist(), strict=True)
        return [
            Labels(self.bboxes[start:end], self.labels[start:end], self.polygons[start:end],
                   self.difficulties[start:end], degenerate, others.get(file, collections.Counter()))
            for file, (start, end, degenerate) in enumerate(rows)
        ]  # fmt: skip


def read_many(
    files: Mapping[str, str | Path], reader: Reader, names: ClassNames, version: str, pictures: Mapping[str, Picture]
) -> dict[str, Labels]:
    """The objects of label files, given by the name of their image, as :func:`.record.read_labels` gives them.

    Of many files they are kept in a cache, see :class:`.cache.LabelCache`.

    Raises:
        LabelError: a file cannot be read.
    """
    cache = LabelCache.of(files, reader, names, version, list(pictures.values()))
    kept = cache.load() if cache else None
    table = _Table(**kept) if kept else _read(files, reader, names, version, pictures)
    if cache and not kept:
        cache.save(table._asdict())
    return dict(zip(files, table.split(), strict=True))


def _read(
    files: Mapping[str, str | Path], reader: Reader, names: ClassNames, version: str, pictures: Mapping[str, Picture]
) -> _Table:
    items = list(files.items())
    parts = [
        _read_part(items[start : start + _AT_ONCE], start, reader, names, version, pictures)
        for start in range(0, max(len(items), 1), _AT_ONCE)
    ]
    columns = [np.concatenate(column) for column in zip(*(part for part, _ in parts), strict=True)]
    others = {file: left for _, each in parts for file, left in each.items()}
    return _Table._make([*columns, np.frombuffer(json.dumps(others).encode(), np.uint8)])


def _read_part(
    items: Sequence[tuple[str, str | Path]], first: int, reader: Reader, names: ClassNames, version: str,
    pictures: Mapping[str, Picture],
) -> tuple[Sequence[np.ndarray], dict[int, dict[str, int]]]:  # fmt: skip
    """The arrays of a table, and objects of other classes, by the number of the file."""
    contents = [_content(path) for _, path in items]
    usual = _QUICK[reader](contents, names) if reader in _QUICK else {}
    columns, others = [], {}
    for index, (content, (name, path)) in enumerate(zip(contents, items, strict=True)):
        if index in usual:
            columns.append(usual[index])
            continue
        left: collections.Counter[str] = collections.Counter()
        with naming_file(path):
            columns.append(check_entries(reader(content, names, pictures[name]), names, left))
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
            size = os.fstat(file).st_size
            content = os.read(file, size + 1)
            while more := os.read(file, 1 << 20) if len(content) != size else b'':
                content += more
            return content
        finally:
            os.close(file)
