"""A check of data: tables and pictures of its labels, and all that is wrong with it."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mmrotate.datasets.faults import KINDS, Fault
from mmrotate.datasets.likeness import alike, gather_prints
from mmrotate.utils.files import write_atomically

from .breakdown import Table
from .figures import save_figure
from .label_figures import draw_labels
from .labels import LabelTable, describe_labels, label_ranges, labels_by_class
from .page import Picture, Rows, Section, page_of
from .tables import write_table

_TOLD = 1000  # pairs of images that look alike
_SHOWN = 100  # faults on the page; the table has all


class Part(NamedTuple):
    """A part of the data."""

    labels: LabelTable
    empty: int  # images without objects


class Checked(NamedTuple):
    """What a check gave."""

    parts: dict[str, Part]
    faults: list[Fault]

    @property
    def counts(self) -> dict[str, int]:
        """How many faults there are of each kind."""
        found = Counter(fault.kind for fault in self.faults)
        return {kind: found[kind] for kind in KINDS if found[kind]}


def gather_check(
    units: Mapping[str, Sequence[str]],
    path_of: Callable[[str, str], str],
    value_of: Callable[[str], Mapping[str, Any]],
    classes: Sequence[str],
    faults: Iterable[Fault] = (),
) -> Checked:
    """Put together what was found in each image.

    Args:
        units: Names of the images of each part.
        path_of: Part and name to the file of an image, for messages.
        value_of: What :class:`mmrotate.datasets.faults.Check` gave for a name; it is asked for once.
        classes: Those that the data lists; those that its objects name come after them.
        faults: What was found before.
    """
    found, index = list(faults), {name: i for i, name in enumerate(classes)}
    parts, prints = {}, {}
    for part, names in units.items():
        rows: list[tuple[list[Any], Any]] = []
        texts = []
        for name in names:
            value = value_of(name)
            found += [Fault(*fault) for fault in value['faults']]
            texts.append(value['print'])
            rows.append((value['objects'], value['size']))
        parts[part] = Part(_table(rows, index), sum(not objects for objects, _ in rows))
        prints[part] = gather_prints(texts)
    for one, other in itertools.combinations(units, 2):
        pairs = itertools.islice(alike(prints[one], prints[other]), _TOLD)
        for i, j in pairs:
            found.append(
                Fault('alike', path_of(one, units[one][i]), '', f'looks like {path_of(other, units[other][j])}')
            )
    whole = {part: Part(each.labels._replace(classes=list(index)), each.empty) for part, each in parts.items()}
    return Checked(whole, found)


def _table(rows: Sequence[tuple[list[Any], Any]], index: dict[str, int]) -> LabelTable:
    """The objects of a part; ``index``, the label of each class, grows by those that are new."""
    image = np.repeat(np.arange(len(rows)), [len(objects) for objects, _ in rows])
    objects = [each for own, _ in rows for each in own]
    labels = np.array([index.setdefault(name, len(index)) for name, *_ in objects], int)
    boxes = np.array([each[2:] for each in objects], np.float32).reshape(-1, 5)
    ignored = np.zeros(len(objects), bool)
    sizes = np.array([size or (np.nan, np.nan) for _, size in rows], float).reshape(-1, 2)
    return LabelTable(list(index), len(rows), image, labels, boxes, ignored, boxes[:, :2] / sizes[image])


def write_check(checked: Checked, folder: Path, data: str, described: str) -> Path:
    """Write ``check.html``, ``faults.csv``, and tables and a picture for each part; gives the page.

    Args:
        checked: What was found.
        folder: Where to.
        data: Path of the data.
        described: What the data is, in lines.
    """
    write_table(folder / 'faults.csv', Fault._fields, checked.faults)
    counts, listed = _fault_sections(checked, data.rstrip('/'))
    sections = [counts]
    for part, (table, empty) in checked.parts.items():
        by_class = labels_by_class(table)
        write_table(folder / f'{part}_by_class.csv', *by_class)
        write_table(folder / f'{part}_by_range.csv', *label_ranges(table))
        picture = save_figure(draw_labels(table), folder / f'{part}.png')
        text = describe_labels(table) + (f' {empty:,} images have no objects.' if empty else '')
        caption = 'How many, how large, how long, how turned, and where (the stronger the more).'
        sections.append(Section(f'Part: {part}', text, [Picture(picture, caption), Rows(by_class, 'Sides in pixels.')]))
    write_atomically(folder / 'check.html', page_of(f'Check of {data}', described, [], [*sections, *listed]))
    return folder / 'check.html'


def _fault_sections(checked: Checked, root: str) -> tuple[Section, list[Section]]:
    """How many faults there are, and a list of the first of them; paths are those within ``root``."""
    if not checked.faults:
        return Section('Faults', 'None were found.'), []
    rows = [[KINDS[kind], count] for kind, count in checked.counts.items()]
    table = Rows(Table(['what', 'number'], rows), '')
    shown = [[text.replace(f'{root}/', '') for text in fault] for fault in checked.faults[:_SHOWN]]
    title = 'All faults' if len(shown) == len(checked.faults) else f'The first {len(shown)} faults'
    listed = Section(title, 'faults.csv has them all.', [Rows(Table(list(Fault._fields), shown), '')])
    return Section('Faults', f'{len(checked.faults):,} in all.', [table]), [listed]


def summary(checked: Checked) -> dict[str, Any]:
    """Everything as plain values."""
    parts = {}
    for part, (table, empty) in checked.parts.items():
        numbers = np.bincount(table.label, minlength=len(table.classes)).tolist()
        parts[part] = {
            'images': table.images,
            'without objects': empty,
            'objects': len(table.label),
            'classes': dict(zip(table.classes, numbers, strict=True)),
        }
    return {'parts': parts, 'counts': checked.counts, 'faults': [fault._asdict() for fault in checked.faults]}
