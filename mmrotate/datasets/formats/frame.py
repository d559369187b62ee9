"""What a label format is: a row of a table, with a reader, a writer, and what tells its files from others."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from mmrotate.utils.files import replacing, write_atomically

from ..image_folder import IMAGE_SUFFIXES, MissingFilesError, walk_folders
from .record import AnyNames, ClassNames, Picture, Reader, Record, naming_file

# what a format may hold beside upright boxes with a class, and what becomes of what has it where the format does not
LOSSES = {
    'turned': 'turned objects, written as the upright box around them',
    'corners': 'quadrilaterals that are no rectangles, written as a turned box',
    'difficulty': 'objects with a difficulty, which is left out',
    'grade': 'objects of a difficulty other than 0 and 1, written as one of them',
    'score': 'objects with a score, which is left out',
    'heading': 'objects with a heading, which is left out',
    'class': 'objects of classes that the format does not know, written as one that it does',
    'empty': 'images without objects, which are left out',
    'size': 'images of another size than their labels say; that of the image is written',
}


# the stem of an image named in a file
_IMAGE_NAME = re.compile(
    rb'([^"\'/\\<>,;|\r\n]+)\.(?:%s)\b' % b'|'.join(end[1:].encode() for end in IMAGE_SUFFIXES), re.I
)


def named_stems(content: bytes) -> list[str]:
    """The stems of the images that are named in a file."""
    return [name.decode('utf-8', 'replace') for name in _IMAGE_NAME.findall(content)]


class Split(NamedTuple):
    """Where a part of a data set is, such as its training images."""

    labels: Path  # the folder of the label files, or the one file that holds all labels
    images: Path | None = None  # the folder of the images, None if there is none
    listed: Path | None = None  # a text file with the stems of the images that belong to the part; None: all


class Item(NamedTuple):
    """A label file and its image."""

    image: str  # the path of the image relative to the folder of the images; without an image its stem
    labels: Path | None  # None: an image without a file, which means in this format that it has no objects


@dataclass(frozen=True, kw_only=True)
class Format:
    """A label format.

    Args:
        name: as in ``--to NAME``.
        summary: a line for lists of the formats.
        suffix: the ending of label files, in lower case.
        suits: the content of a label file, at most its first 64 KiB, to a reason in words why it is one of this format,
            or None if it is not. It raises nothing.
        holds: which of :data:`LOSSES` it does not lose; 'size': the size of the image stands in it; 'earth': its
            coordinates are those of georeferenced images, where it can be.
        only: the names of classes that it can hold; None: all.
        numbered: whether classes are numbers in its files, of a list that the data has elsewhere.
        images, labels: where a data set that is written has them, with ``{split}`` for the name of the part.
        needs_size: whether nothing can be written without the size of the image.
        finish: called with the folder, the classes and the splits, by name, of a data set that was written: writes what
            else it needs, such as a list of the classes.
    """

    name: str
    summary: str
    suffix: str
    suits: Callable[[bytes], str | None]
    holds: frozenset[str] = field(default_factory=frozenset)
    images: str = '{split}/images'
    labels: str
    only: frozenset[str] | None = None
    numbered: bool = False
    needs_size: bool = False
    finish: Callable[[Path, Sequence[str], Mapping[str, Split]], None] | None = None

    def read(self, split: Split, classes: Sequence[str] = (), names: ClassNames | None = None) -> Iterator[Record]:
        """The records of a part, as they stand in the files.

        Args:
            split: the part.
            classes: the names that numbers of classes in the files stand for.
            names: the classes, where reading depends on them; default: any.

        Raises:
            LabelError: a file is of another layout.
            MissingFilesError: a label file has no image.
        """
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class PerImage(Format):
    """A format with a label file for each image, of the same stem.

    Args:
        parse: see :data:`mmrotate.datasets.formats.record.Reader`.
        dump: a checked record, and the classes, to the content of its file.
        prefix: what may stand before the stem of the image in the name of its label file.
        absent_is_empty: whether an image without a label file is one without objects; else it is left out.
    """

    parse: Reader
    dump: Callable[[Record, Sequence[str]], str]
    prefix: str = ''
    absent_is_empty: bool = False

    def files(self, split: Split) -> tuple[dict[str, Path], dict[str, str]]:
        """The label files, and the images relative to their folder, of a part, by the stem of the image."""
        labels = {self._image_stem(name): split.labels / name for name in walk(split.labels, (self.suffix,))}
        images = {stem_of(name): name for name in reversed(walk(split.images, IMAGE_SUFFIXES))} if split.images else {}
        if 'classes' not in images:
            labels.pop('classes', None)  # the list of names that labelling tools write
        return labels, images

    def items(self, split: Split) -> list[Item]:
        """The label files of a part and their images, sorted; a MissingFilesError if images are missing."""
        labels, images = self.files(split)
        every = sorted({**labels, **(images if self.absent_is_empty else {})})
        wanted = listed_stems(split) if split.listed else dict.fromkeys(every)
        if not self.absent_is_empty and (bare := [stem for stem in wanted if stem not in labels]):
            raise MissingFilesError(
                f'{len(bare)} of {len(wanted)} images that {split.listed} lists have no label file in {split.labels}, '
                f'the first: {bare[0]}'
            )
        if split.images and (missing := [stem for stem in wanted if stem not in images]):
            raise MissingFilesError(
                f'{len(missing)} of {len(wanted)} label files have no image in {split.images}, the first: '
                f'{labels.get(missing[0], missing[0])}'
            )
        return [Item(images.get(stem, stem), labels.get(stem)) for stem in wanted]

    def read_item(self, item: Item, split: Split, classes: Sequence[str], names: ClassNames) -> Record:
        """The record of a label file."""
        picture = Picture(item.image, split.images, classes)
        if item.labels is None:
            return Record(item.image, [])
        with naming_file(item.labels):
            return Record(
                item.image, list(self.parse(item.labels.read_bytes(), names, picture)), None, str(item.labels)
            )

    def read(self, split: Split, classes: Sequence[str] = (), names: ClassNames | None = None) -> Iterator[Record]:
        """See :meth:`Format.read`."""
        names = names or AnyNames(classes)
        return (self.read_item(item, split, classes, names) for item in self.items(split))

    def write(self, record: Record, folder: Path, classes: Sequence[str]) -> Path:
        """Write the label file of a checked record into ``folder``; gives its path."""
        path = self.file_of(record.image, folder)
        write_atomically(path, self.dump(record, classes))
        return path

    def file_of(self, image: str, folder: Path) -> Path:
        """The label file of an image."""
        place, stem = os.path.split(stem_of(image))
        return folder / place / f'{self.prefix}{stem}{self.suffix}'

    def _image_stem(self, name: str) -> str:
        """The path of an image without its ending, from that of its label file."""
        place, file = os.path.split(stem_of(name))
        return os.path.join(place, file.removeprefix(self.prefix))


@dataclass(frozen=True, kw_only=True)
class PerSet(Format):
    """A format with one label file for many images.

    Args:
        parse: the label file, and the folder of the images if there is one, to the records.
        dump: checked records, which it may go through several times, and the classes, to the text of the file, in
            pieces.
        stems: the beginning of a label file to the stems of the images in it, by which their folder is found.
    """

    parse: Callable[[Path, Path | None], Iterable[Record]]
    dump: Callable[..., Iterable[str]]
    stems: Callable[[bytes], list[str]] = named_stems

    def read(self, split: Split, classes: Sequence[str] = (), names: ClassNames | None = None) -> Iterator[Record]:
        """See :meth:`Format.read`."""
        wanted = listed_stems(split) if split.listed else None
        with naming_file(split.labels):
            for record in self.parse(split.labels, split.images):
                image = _image_name(record.image, split.images)
                if wanted is None or stem_of(image) in wanted:
                    yield record._replace(image=image, place=str(split.labels))

    def write(self, records: Iterable[Record], path: Path, classes: Sequence[str], **options: Any) -> None:
        """Write the label file of checked records, which may be gone through several times; ``options`` of ``dump``."""
        with replacing(path) as temporary, temporary.open('w', encoding='utf-8') as file:
            file.writelines(self.dump(records, classes, **options))


def walk(folder: Path, suffixes: Sequence[str]) -> list[str]:
    """Relative paths of the files with one of the endings in a folder and those below it.

    Sorted by name, and of the same stem in the order of ``suffixes``; hidden files and folders are left out.
    """
    found = [os.path.relpath(place / name, folder) for place, names in walk_folders(folder) for name in names]
    files = ((*os.path.splitext(name), name) for name in found)
    ranked = sorted((stem, suffixes.index(end.lower()), name) for stem, end, name in files if end.lower() in suffixes)
    return [name for *_, name in ranked]


def listed_stems(split: Split) -> dict[str, None]:
    """The stems that the list of a part names, each once, in its order; its lines may be paths of images too."""
    assert split.listed is not None
    names = [line.strip() for line in split.listed.read_text('utf-8-sig').splitlines() if line.strip()]
    folder = os.path.join(os.path.abspath(split.images), '') if split.images else '/'
    paths = (os.path.abspath(split.listed.parent / name) for name in names)
    inside = (os.path.relpath(p, folder) if p.startswith(folder) else n for p, n in zip(paths, names, strict=True))
    return dict.fromkeys(image_stem(name) for name in inside)


def image_stem(name: str) -> str:
    """The name of an image without its ending, if it has one: ``a.b`` stays as it is."""
    stem, end = os.path.splitext(name)
    return stem if end.lower() in IMAGE_SUFFIXES else name


def number_text(value: float, decimals: int = 6) -> str:
    """A number as text, rounded, without a decimal point where it is whole."""
    text = f'{value:.{decimals}f}'.rstrip('0').rstrip('.')
    return '0' if text == '-0' else text


def _image_name(name: str, images: Path | None) -> str:
    """The path of an image relative to the folder of the images, from what a file of labels calls it.

    That may begin with folders that lead to the folder of the images. A ValueError if it leads out of it.
    """
    parts = PurePosixPath(name.replace('\\', '/')).parts
    if images is not None:
        for start in range(len(parts)):
            if (images / PurePosixPath(*(part for part in parts[start:] if part != '/'))).is_file():
                parts = parts[start:]
                break
    if not parts or '..' in parts or parts[0] == '/' or ':' in parts[0]:
        raise ValueError(f'the image {name!r} is no path relative to the folder of the images')
    return str(PurePosixPath(*parts))


def stem_of(name: str) -> str:
    """The path of a file without its ending."""
    return os.path.splitext(name)[0]
