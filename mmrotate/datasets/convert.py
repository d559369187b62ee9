"""Labels of one format into another: image by image, so that it goes on where it was broken off."""

import collections
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from mmrotate.utils import UserError
from mmrotate.utils.files import copy_atomically, replacing
from mmrotate.utils.journal import Failure, Journal, Stamp, Tally, file_stamp
from mmrotate.utils.lock import remove_leftovers
from mmrotate.utils.places import check_outputs
from mmrotate.utils.pool import work_on

from .formats import FORMATS, AnyNames, Entry, Format, Item, LabelError, PerImage, PerSet, Record, Split, check_record
from .formats.frame import stem_of, walk
from .formats.losses import losses_of
from .formats.record import naming_file
from .image_folder import IMAGE_SUFFIXES, MissingFilesError, image_size, walk_folders
from .sources import Source

IMAGES = ('link', 'copy', 'none')  # what becomes of the images
JOURNAL = 'convert.journal'


class _Unit(NamedTuple):
    """An image to convert, with its label file or with what was read from one."""

    part: str
    content: Item | Record

    @property
    def name(self) -> str:
        return f'{self.part}/{self.content.image}'


@dataclass(frozen=True)
class _Task:
    """What is done to each image; formats go by name, so that processes can be sent it."""

    reads: str
    writes: str
    splits: Mapping[str, Split]
    classes: Sequence[str]
    target: Path
    images: str

    def __call__(self, unit: _Unit) -> dict[str, Any]:
        """Write the label file of an image, or give the record for the one file; and bring the image."""
        split, row = self.splits[unit.part], FORMATS[self.writes]
        record = self.read(unit)
        with naming_file(record.place or unit.name):
            record = check_record(record, AnyNames(self.classes))
            record, lost = _with_size(record, split, row)
            lost += losses_of(record, row)
            value: dict[str, Any] = {'objects': len(record.entries), 'lost': dict(lost)}
            if lost['empty']:
                return value
            if isinstance(row, PerImage):
                row.write(record, self.target / row.labels.format(split=unit.part), self.classes)
            else:
                value['record'] = [record.image, record.size, [entry[1:] for entry in record.entries]]
        if split.images is not None:
            place = self.target / row.images.format(split=unit.part) / record.image
            _bring_image(split.images / record.image, place, self.images)
        return value

    def read(self, unit: _Unit) -> Record:
        """The record of an image."""
        if isinstance(unit.content, Record):
            return unit.content
        row = FORMATS[self.reads]
        assert isinstance(row, PerImage)
        return row.read_item(unit.content, self.splits[unit.part], self.classes, AnyNames(self.classes))

    def has_written(self, unit: _Unit) -> bool:
        """Whether the label file of an image that was converted is there, if there is to be one."""
        row = FORMATS[self.writes]
        if not isinstance(row, PerImage) or 'empty' not in row.holds:
            return True
        return row.file_of(unit.content.image, self.target / row.labels.format(split=unit.part)).is_file()

    def names(self, unit: _Unit) -> list[str]:
        """The classes of an image; none if it cannot be read, which is said when it is converted."""
        try:
            return list({entry.name for entry in self.read(unit).entries})
        except UserError:
            return []


class Report(NamedTuple):
    """How a conversion went."""

    tally: Tally
    objects: int
    classes: Sequence[str]
    lost: collections.Counter[str]  # by the names in :data:`.formats.frame.LOSSES`
    unlabelled: int = 0  # images without a label file, which are left out


class _Written(Iterable[Record]):
    """Records that a journal holds; it can be gone through several times."""

    def __init__(self, journal: Journal, names: Sequence[str]) -> None:
        self._journal, self._names = journal, names

    def __iter__(self) -> Iterator[Record]:
        for name in self._names:
            if (found := self._journal[name].get('record')) is not None:
                image, size, entries = found
                yield Record(image, [Entry('', *entry) for entry in entries], tuple(size) if size else None)


def convert(
    source: Source, target: Path, row: Format, images: str = 'link', resume: bool = False, processes: int = 1
) -> Report:
    """Write the labels of ``source`` into the folder ``target`` in the format ``row``.

    Args:
        source: what is converted.
        target: a folder that is empty or not there; with ``resume`` that of an earlier run.
        row: the format.
        images: 'link' (symbolic links), 'copy' or 'none'.
        resume: go on with a run that was broken off or left images out.
        processes: how many work at it; the files are the same for any number.

    Raises:
        UserError: the target cannot be written to, or holds what is read; two images have one name.
    """
    if source.format.numbered and not source.classes:
        raise UserError(
            f'{source.path}: its labels have numbers of classes, and nothing lists their names: give them (--classes)'
        )
    _check_target(source, target, resume)
    if resume:
        for folder, _ in walk_folders(target):
            remove_leftovers(folder)
    units = list(_units(source, row))
    task = _Task(source.format.name, row.name, source.splits, source.classes, target, images)
    if not source.format.numbered:
        task = replace(task, classes=_all_classes(task, units, processes))
    settings = {'source': str(source.path), 'from': task.reads, 'to': task.writes, 'classes': list(task.classes)}
    journal = Journal(target / JOURNAL, {**settings, 'images': images}, resume)
    items = [(unit.name, _stamp(source, unit)) for unit in units]
    todo = [i for i, item in enumerate(items) if not (journal.holds(*item) and task.has_written(units[i]))]
    tally = Tally(len(units), done=len(units) - len(todo))
    outcomes = work_on(task, ((i, units[i]) for i in todo), processes)
    tally.work(tqdm(outcomes, f'to {row.name}', len(todo), disable=None), items, lambda _, value: value, journal)
    report = Report(tally, 0, task.classes, collections.Counter())
    if not tally.interrupted:
        report = _finish(task, journal, [unit for unit, item in zip(units, items, strict=True) if journal.holds(*item)])
    journal.close() if tally.failures or tally.interrupted else journal.remove()
    return report._replace(tally=tally, unlabelled=sum(_unlabelled(source, part) for part in source.splits))


def _finish(task: _Task, journal: Journal, done: Sequence[_Unit]) -> Report:
    """Write what is one file for many images, and count."""
    row = FORMATS[task.writes]
    splits = {}
    for part in task.splits:
        places = [task.target / place.format(split=part) for place in (row.labels, row.images)]
        splits[part] = Split(*places)
        if isinstance(row, PerSet):
            row.write(_Written(journal, [unit.name for unit in done if unit.part == part]), places[0], task.classes)
    if row.finish is not None:
        row.finish(task.target, task.classes, splits)
    objects, lost = 0, collections.Counter[str]()
    for unit in done:
        value = journal[unit.name]
        objects += value['objects']
        lost.update(value['lost'])
    return Report(Tally(0), objects, task.classes, lost)


def _check_target(source: Source, target: Path, resume: bool) -> None:
    """Refuse a target that cannot be written to, or where files would be mixed with others or overwrite them."""
    check_outputs([], [], [('the target', target)])
    if not resume and not (target / JOURNAL).exists() and target.is_dir() and any(target.iterdir()):
        raise UserError(f'{target} is not empty: name a new folder, or go on with an earlier run by --resume')
    real = os.path.realpath(target)
    for place in {source.path, *(place for split in source.splits.values() for place in split[:2] if place)}:
        common = os.path.commonpath([real, path := os.path.realpath(place)])
        if common == real or (common == path and place.is_dir()):
            raise UserError(f'the target {target} and {place}, which is read, lie in each other')


def _units(source: Source, row: Format) -> Iterator[_Unit]:
    """All images of the source."""
    taken: dict[tuple[str, str], str] = {}
    for part, split in source.splits.items():
        read = source.format.items(split) if isinstance(source.format, PerImage) else source.read(part)
        for content in read:
            name = stem_of(content.image) if isinstance(row, PerImage) else content.image
            if (other := taken.setdefault((part, name), content.image)) is not content.image:
                raise UserError(f'{split.labels}: {other} and {content.image} would be one image in {row.name}')
            yield _Unit(part, content)


def _unlabelled(source: Source, part: str) -> int:
    """Number of images of a part that have no label file, where that does not mean that they have no objects."""
    split, row = source.splits[part], source.format
    if split.images is None or split.listed or not isinstance(row, PerImage) or row.absent_is_empty:
        return 0
    return len({stem_of(name) for name in walk(split.images, IMAGE_SUFFIXES)}) - len(row.items(split))


def _all_classes(task: _Task, units: Sequence[_Unit], processes: int) -> list[str]:
    """The classes that the source lists, and after them, sorted, those that only its objects name."""
    found = work_on(task.names, enumerate(units), processes)
    names: set[str] = set()
    for _, each in tqdm(found, 'classes', len(units), disable=None):
        if isinstance(each, Failure):
            raise UserError(each)
        names.update(each)
    return [*task.classes, *sorted(names - set(task.classes))]


def _stamp(source: Source, unit: _Unit) -> Stamp:
    place = unit.content.labels if isinstance(unit.content, Item) else source.splits[unit.part].labels
    return file_stamp(place) if place else None


def _with_size(record: Record, split: Split, row: Format) -> tuple[Record, collections.Counter[str]]:
    """The record with the size of its image, if the format has a place for it."""
    lost = collections.Counter[str]()
    if 'size' not in row.holds and not row.needs_size:
        return record, lost
    if split.images is not None:
        size = image_size(split.images / record.image)
        lost['size'] = int(record.size not in (None, size))
        record = record._replace(size=size)
    if record.size is None and row.needs_size:
        raise LabelError(f'{record.image}: {row.name} needs the size of the image, and there is no image')
    return record, +lost


def _bring_image(image: Path, place: Path, how: str) -> None:
    """Link or copy an image."""
    if how == 'none':
        return
    if not image.is_file():
        raise MissingFilesError(f'no image {image}')
    if how == 'copy':
        copy_atomically(image, place)
        return
    with replacing(place) as temporary:
        temporary.symlink_to(os.path.realpath(image))
