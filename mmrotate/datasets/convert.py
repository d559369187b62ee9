"""Labels of one format into another: what is done with one image."""

import collections
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from mmrotate.core.earth import SYSTEMS as EARTH_SYSTEMS
from mmrotate.core.earth import WGS84, Place
from mmrotate.utils import UserError
from mmrotate.utils.files import copy_atomically, replacing
from mmrotate.utils.item_files import ItemFiles
from mmrotate.utils.places import check_outputs

from .formats import FORMATS, AnyNames, Entry, Format, Item, LabelError, PerImage, Record, Split, check_record
from .formats.frame import stem_of, walk
from .formats.geojson import earth_of
from .formats.losses import losses_of
from .formats.record import naming_file
from .image_folder import IMAGE_SUFFIXES, MissingFilesError, image_size
from .sources import Source

PIXELS = 'pixels'
SYSTEMS = (*EARTH_SYSTEMS, PIXELS)
IMAGES = ('link', 'copy', 'none')  # what becomes of the images


class Unit(NamedTuple):
    """An image to convert, with its label file or with what was read from one."""

    part: str
    content: Item | Record

    @property
    def name(self) -> str:
        """Its name among all."""
        return f'{self.part}/{self.content.image}'


@dataclass(frozen=True)
class Task:
    """What is done to each image; formats go by name, so that processes can be sent it."""

    reads: str
    writes: str
    splits: Mapping[str, Split]
    classes: Sequence[str]
    target: Path
    images: str
    crs: str = WGS84  # coordinates of what has a place on earth: one of :data:`SYSTEMS`

    @property
    def row(self) -> Format:
        """The format that is written."""
        return FORMATS[self.writes]

    def target_splits(self) -> dict[str, Split]:
        """Where the parts of what is written are."""
        places = {
            part: [self.row.labels.format(split=part), self.row.images.format(split=part)] for part in self.splits
        }
        return {part: Split(*(self.target / place for place in each)) for part, each in places.items()}

    def __call__(self, unit: Unit) -> dict[str, Any]:
        """Write the label file of an image, or give the record for the one file; and bring the image."""
        split, place, row = self.splits[unit.part], self.target_splits()[unit.part], self.row
        record = self.read(unit)
        with naming_file(record.place or unit.name):
            record = check_record(record, AnyNames(self.classes))
            record, lost = _with_size(record, split, row)
            if 'earth' in row.holds and split.images is not None and self.crs != PIXELS:
                record = record._replace(earth=earth_of(split.images / record.image))
            lost += losses_of(record, row)
            value: dict[str, Any] = {'objects': len(record.entries), 'lost': dict(lost)}
            if lost['empty']:
                return value
            if isinstance(row, PerImage):
                row.write(record, place.labels, self.classes)
            else:
                value['record'] = [record.image, record.size, [entry[1:] for entry in record.entries], record.earth]
        if split.images is not None:
            assert place.images is not None
            _bring_image(split.images / record.image, place.images / record.image, self.images)
        return value

    def read(self, unit: Unit) -> Record:
        """The record of an image."""
        if isinstance(unit.content, Record):
            return unit.content
        row = FORMATS[self.reads]
        assert isinstance(row, PerImage)
        return row.read_item(unit.content, self.splits[unit.part], self.classes, AnyNames(self.classes))

    def has_written(self, unit: Unit) -> bool:
        """Whether the label file of an image that was converted is there, if there is to be one."""
        if not isinstance(self.row, PerImage) or 'empty' not in self.row.holds:
            return True
        return self.row.file_of(unit.content.image, self.target_splits()[unit.part].labels).is_file()

    def names(self, unit: Unit) -> list[str]:
        """The classes of an image; none if it cannot be read, which is said when it is converted."""
        try:
            return list({entry.name for entry in self.read(unit).entries})
        except UserError:
            return []


class Written(Iterable[Record]):
    """Records of which a run has noted that they are done; it can be gone through several times."""

    def __init__(self, files: ItemFiles, names: Sequence[str]) -> None:
        self._files, self._names = files, names

    def __iter__(self) -> Iterator[Record]:
        for name in self._names:
            if (found := self._files[name].get('record')) is not None:
                image, size, entries, earth = found
                place = Place(*earth) if earth else None
                yield Record(image, [Entry('', *entry) for entry in entries], tuple(size) if size else None, '', place)


def check_target(source: Source, target: Path, resume: bool) -> None:
    """Refuse a target that cannot be written to, or where files would be mixed with others or overwrite them."""
    check_outputs([], [], [('the target', target)])
    if not resume and target.is_dir() and any(target.iterdir()):
        raise UserError(f'{target} is not empty: name a new folder, or go on with an earlier run by --resume')
    real = os.path.realpath(target)
    for place in {source.path, *(place for split in source.splits.values() for place in split[:2] if place)}:
        common = os.path.commonpath([real, path := os.path.realpath(place)])
        if common == real or (common == path and place.is_dir()):
            raise UserError(f'the target {target} and {place}, which is read, lie in each other')


def units_of(source: Source, row: Format) -> Iterator[Unit]:
    """All images of the source."""
    taken: dict[tuple[str, str], str] = {}
    for part, split in source.splits.items():
        read = source.format.items(split) if isinstance(source.format, PerImage) else source.read(part)
        for content in read:
            name = stem_of(content.image) if isinstance(row, PerImage) else content.image
            if (other := taken.setdefault((part, name), content.image)) is not content.image:
                raise UserError(f'{split.labels}: {other} and {content.image} would be one image in {row.name}')
            yield Unit(part, content)


def count_unlabelled(source: Source, part: str) -> int:
    """Number of images of a part that have no label file, where that does not mean that they have no objects."""
    split, row = source.splits[part], source.format
    if split.images is None or split.listed or not isinstance(row, PerImage) or row.absent_is_empty:
        return 0
    return len({stem_of(name) for name in walk(split.images, IMAGE_SUFFIXES)}) - len(row.items(split))


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
