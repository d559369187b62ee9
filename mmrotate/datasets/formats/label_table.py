"""The objects of many label files in a few arrays: so they are read, kept in a cache, and shared out to images."""

import collections
import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .record import Labels


class LabelTable(NamedTuple):
    """The objects of label files, one file after the other."""

    bboxes: np.ndarray  # as in Labels, as are the next three
    labels: np.ndarray
    polygons: np.ndarray
    difficulties: np.ndarray
    counts: np.ndarray  # objects of each file
    degenerate: np.ndarray  # objects of each file that were left out for their box
    others: np.ndarray  # uint8, JSON: {number of a file: {class: objects that were left out for it}}

    def left_out(self) -> dict[int, collections.Counter[str]]:
        """Objects that were left out for their class, by the number of the file."""
        return {int(file): collections.Counter(names) for file, names in json.loads(self.others.tobytes()).items()}

    def split(self) -> list[Labels]:
        """The objects of each file; their arrays are parts of the table's."""
        others = self.left_out()
        nothing: collections.Counter[str] = collections.Counter()
        ends = np.cumsum(self.counts)
        columns = _cut((self.bboxes, self.labels, self.polygons, self.difficulties), ends - self.counts, ends)
        return [
            Labels(b, c, p, d, degenerate, others.get(file, nothing))
            for file, (b, c, p, d, degenerate) in enumerate(zip(*columns, self.degenerate.tolist(), strict=True))
        ]

    def annotations(self, difficulty: int) -> list[dict[str, np.ndarray]]:
        """:meth:`.record.Labels.annotation` of each file."""
        columns: tuple[np.ndarray, ...] = (self.bboxes, self.labels, self.polygons)
        ends, keep = np.cumsum(self.counts), self.difficulties <= difficulty
        starts = ends - self.counts
        if keep.all():
            kept, ignored = _cut(columns, starts, ends), [[column[:0]] * len(ends) for column in columns]
        else:
            file_of = np.repeat(np.arange(len(ends)), self.counts)
            order = np.lexsort((~keep, file_of))  # in each file those to ignore come last
            columns = tuple(column[order] for column in columns)
            middles = starts + np.bincount(file_of[keep], minlength=len(ends))
            kept, ignored = _cut(columns, starts, middles), _cut(columns, middles, ends)
        return [
            {'bboxes': b, 'labels': c, 'polygons': p, 'bboxes_ignore': b_, 'labels_ignore': c_, 'polygons_ignore': p_}
            for b, c, p, b_, c_, p_ in zip(*kept, *ignored, strict=True)
        ]


def _cut(columns: Sequence[np.ndarray], starts: np.ndarray, ends: np.ndarray) -> list[list[np.ndarray]]:
    """The parts of each column."""
    spans = list(map(slice, starts.tolist(), ends.tolist()))
    return [list(map(column.__getitem__, spans)) for column in columns]
