"""Faults in data: lines that cannot be read, files without their partner, objects twice or outside of their image."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mmrotate.core.bbox import obb2xyxy
from mmrotate.core.evaluation import rotated_ious
from mmrotate.core.images import BadImageError, read_image
from mmrotate.utils import UserError

from .formats import FORMATS, AnyNames, ClassNames, Entry, PerImage, Record, Split
from .formats.frame import listed_stems, walk
from .formats.record import EntryError, Picture, check_entry, gather, naming_file, pack_labels
from .image_folder import IMAGE_SUFFIXES, image_size
from .likeness import fingerprint
from .sources import Source

# every kind of fault, in words
KINDS = {
    'file': 'label files that cannot be read',
    'line': 'lines or objects that cannot be read',
    'no image': 'labels without an image',
    'no labels': 'images without labels',
    'image': 'images that cannot be read',
    'outside': 'objects that lie wholly outside of their image',
    'no area': 'objects without area',
    'twice': 'objects that stand there twice',
    'alike': 'images of one part that look like one of another',
}
_VERSION = 'le90'
_TWICE = 0.9  # IoU from which two objects are one
_APART = 0.25  # of the shorter side: centres that are farther apart are no such pair
_MOST = 100  # faults of a file that are told
_LINE = re.compile(r'line (\d+)\b')
_LARGEST = 100_000_000  # pixels of an image that is looked at


class Fault(NamedTuple):
    """Something that is wrong."""

    kind: str  # one of KINDS
    file: str
    place: str  # in the file; may be empty
    text: str


class Unit(NamedTuple):
    """An image of a part with its labels, of which one may be missing."""

    part: str
    stem: str
    image: str | None  # relative to the folder of the images
    content: Path | Record | None  # its label file, or what was read from the one for all

    @property
    def name(self) -> str:
        """For a journal."""
        return f'{self.part}/{self.stem}'


def units_of(source: Source) -> Iterator[Unit | Fault]:
    """All images of all parts, and what keeps files from being read."""
    for folder, why in source.left_out.items():
        yield Fault('file', str(folder), '', f'{why}: left out')
    for part, split in source.splits.items():
        if isinstance(source.format, PerImage):
            yield from _units_of_folder(source.format, part, split)
        else:
            yield from _units_of_file(source, part, split)


def _units_of_folder(row: PerImage, part: str, split: Split) -> Iterator[Unit]:
    labels, images = row.files(split)
    wanted = sorted({**labels, **images})
    if split.listed is not None:
        wanted = list(listed_stems(split))
    for stem in wanted:
        yield Unit(part, stem, images.get(stem), labels.get(stem))


def _units_of_file(source: Source, part: str, split: Split) -> Iterator[Unit | Fault]:
    seen = set()
    try:
        for record in source.read(part):
            there = split.images is not None and (split.images / record.image).is_file()
            seen.add(record.image)
            yield Unit(part, record.image, record.image if there else None, record)
    except UserError as error:
        yield Fault('file', str(split.labels), '', str(error))
        return
    if split.images is not None and split.listed is None:
        for image in walk(split.images, IMAGE_SUFFIXES):
            if image not in seen:
                yield Unit(part, image, image, None)


@dataclass(frozen=True)
class Check:
    """What is looked at in each image; it can be sent to other processes.

    Args:
        format: Name of the format.
        splits: The parts.
        classes: Names; where there are some, others are faults.
        pixels: Whether images are read too.
    """

    format: str
    splits: Mapping[str, Split]
    classes: tuple[str, ...]
    pixels: bool = True

    def __call__(self, unit: Unit) -> dict[str, Any]:
        """``faults`` (lists), ``objects`` (name, difficulty, box), ``size`` and ``print`` of an image, plain values."""
        split = self.splits[unit.part]
        path = split.images / unit.image if split.images and unit.image else None
        faults = list(self._partner(unit, split))
        size, seen, damage = self._look(path)
        entries, unread = self._entries(unit, Picture(unit.image or '', split.images, self.classes))
        faults += damage + unread
        entries, boxes, areas = _boxes_of(entries, unit, self._place(unit))
        faults += areas
        faults += _outside(entries, boxes, size, self._place(unit))
        faults += _twice(entries, boxes, self._place(unit))
        objects = [[e.name, int(e.difficulty), *box] for e, box in zip(entries, boxes.tolist(), strict=True)]
        return {'faults': [list(fault) for fault in faults], 'objects': objects, 'size': size, 'print': seen}

    def _place(self, unit: Unit) -> str:
        if isinstance(unit.content, Record):
            return f'{unit.content.place}, {unit.content.image}'
        return str(unit.content or unit.stem)

    def _partner(self, unit: Unit, split: Split) -> Iterator[Fault]:
        row = FORMATS[self.format]
        if unit.content is None and not getattr(row, 'absent_is_empty', False):
            yield Fault(
                'no labels', str((split.images or Path()) / (unit.image or '')), '', f'no labels in {split.labels}'
            )
        if unit.image is None and split.images is not None:
            yield Fault('no image', self._place(unit), '', f'no image in {split.images}')

    def _look(self, path: Path | None) -> tuple[list[int] | None, str, list[Fault]]:
        """Size and fingerprint of an image, and whether it is damaged."""
        if path is None:
            return None, '', []
        try:
            size = list(image_size(path))
            small = self.pixels and size[0] * size[1] <= _LARGEST
            return size, fingerprint(read_image(path, 'grayscale')) if small else '', []
        except (BadImageError, UserError) as error:
            return None, '', [Fault('image', str(path), '', str(error))]

    def _entries(self, unit: Unit, picture: Picture) -> tuple[list[Entry], list[Fault]]:
        """The objects that can be read, as numbers, and what is wrong with the others."""
        if unit.content is None:
            return [], []
        place = self._place(unit)
        names: ClassNames = AnyNames(self.classes)
        if self.classes:
            names = ClassNames({name: i for i, name in enumerate(self.classes)})
        faults: list[Fault] = []
        if isinstance(unit.content, Record):
            entries = list(unit.content.entries)
        else:
            entries, faults = _all_entries(unit.content, FORMATS[self.format], names, picture)
        good = []
        for entry in entries:
            try:
                checked = check_entry(entry)
                names.label(entry.name)
            except ValueError as error:
                faults.append(Fault('line', place, entry.place, str(error).removeprefix(f'{entry.place}: ')))
                continue
            good.append(checked)
        return good, faults


def _all_entries(path: Path, row: Any, names: ClassNames, picture: Picture) -> tuple[list[Entry], list[Fault]]:
    """The objects of a label file, and every line that cannot be read: without it the rest is read again."""
    faults: list[Fault] = []
    try:
        with naming_file(path):
            content = path.read_bytes()
    except UserError as error:
        return [], [Fault('file', str(path), '', str(error))]
    while True:
        found: list[Entry] = []
        try:
            for entry in row.parse(content, names, picture):
                found.append(entry)
            return found, faults
        except EntryError as error:
            place, _, text = str(error).partition(': ')
            faults.append(Fault('line', str(path), place, text))
            shorter = _without(content, place)
            if shorter is None or len(faults) >= _MOST:
                return found, faults
            content = shorter
        except (UserError, ValueError) as error:
            return found, [*faults, Fault('file', str(path), '', str(error))]


def _without(content: bytes, place: str) -> bytes | None:
    """A text with the line of an error left empty; None if the error is not at a line."""
    match = _LINE.fullmatch(place)
    lines = content.decode('utf-8-sig', 'replace').splitlines()
    if match is None or not 0 < int(match[1]) <= len(lines) or not lines[int(match[1]) - 1]:
        return None
    lines[int(match[1]) - 1] = ''
    return '\n'.join(lines).encode()


def _boxes_of(entries: list[Entry], unit: Unit, place: str) -> tuple[list[Entry], np.ndarray, list[Fault]]:
    """The entries that have an area, their boxes (n, 5), and the others as faults."""
    try:
        labels = gather(entries, AnyNames(), _VERSION)
    except ValueError as error:  # of all together, say that they are fractions
        return [], np.zeros((0, 5), np.float32), [Fault('file', place, '', str(error))]
    if not labels.degenerate:
        return entries, labels.bboxes, []
    has_area = [len(pack_labels([(entry.shape, 0, 0)], _VERSION)) > 0 for entry in entries]
    faults = [
        Fault('no area', place, entry.place, f'{entry.name}: a side is under two pixels')
        for entry, has in zip(entries, has_area, strict=True)
        if not has
    ]
    return [entry for entry, has in zip(entries, has_area, strict=True) if has], labels.bboxes, faults


def _outside(entries: list[Entry], boxes: np.ndarray, size: list[int] | None, place: str) -> Iterator[Fault]:
    if size is None or not len(boxes):
        return
    left, top, right, bottom = obb2xyxy(boxes, _VERSION).T
    for i in np.flatnonzero((right <= 0) | (bottom <= 0) | (left >= size[0]) | (top >= size[1])):
        where = f'about ({boxes[i, 0]:.0f}, {boxes[i, 1]:.0f}), the image is {size[0]} x {size[1]}'
        yield Fault('outside', place, entries[i].place, f'{entries[i].name} {where}')


def _twice(entries: list[Entry], boxes: np.ndarray, place: str) -> Iterator[Fault]:
    """Pairs of objects, of whatever classes, that lie on one another."""
    order = np.argsort(boxes[:, 0], kind='stable')
    x, reach = boxes[order, 0], _APART * boxes[order, 2:4].min(1) if len(boxes) else np.zeros(0)
    ends = np.searchsorted(x, x + reach, side='right')
    counts = np.maximum(ends - np.arange(len(x)) - 1, 0)
    first = np.repeat(np.arange(len(x)), counts)
    second = first + 1 + np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
    near = np.abs(boxes[order[first], 1] - boxes[order[second], 1]) <= reach[first] if len(first) else first > 0
    a, b = order[first[near]], order[second[near]]
    if not len(a):
        return
    same = rotated_ious(boxes[a], boxes[b], aligned=True) >= _TWICE
    for i, j in sorted((min(pair), max(pair)) for pair in zip(a[same].tolist(), b[same].tolist(), strict=True)):
        one, other = entries[i], entries[j]
        text = one.name if one.name == other.name else f'as {one.name} and as {other.name}'
        yield Fault('twice', place, other.place, f'{text}, also at {one.place}')
