"""Finding images in a folder by the stem of their name."""

import collections
import os
from collections.abc import Iterator
from pathlib import Path

from mmrotate.core.raster import Raster
from mmrotate.utils import UserError
from mmrotate.utils.files import near_files

# labels in other formats than one text file per image
OTHER_LABELS = {'.xml': ' (annotations as of VOC, roLabelImg or HRSC2016?)', '.json': ' (JSON: is it COCO or labelme?)'}
# of two files with the same stem the one whose ending stands first here is taken
IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.tif', '.tiff', '.bmp')


class MissingFilesError(UserError, FileNotFoundError):
    """Images or label files that should be there are not; the message names them."""


def check_folders(**folders: str) -> None:
    """Raise a MissingFilesError, with near names, for the first of the folders that is given and does not exist."""
    for key, folder in folders.items():
        if folder and not os.path.exists(folder):
            path = Path(folder)
            missing = next((above for above in reversed(path.parents) if not above.is_dir()), path)
            raise MissingFilesError(f'no such folder {key}={folder!r}{near_files(missing)}')


def find_images(folder: str | Path) -> dict[str, str]:
    """Images of a folder (not of its subfolders) as {stem: file name}, sorted by stem.

    Endings count in upper and lower case; a folder that does not exist has no images.
    """
    by_ending: dict[str, dict[str, str]] = {suffix: {} for suffix in IMAGE_SUFFIXES}
    for name in sorted(_files(folder), reverse=True):
        stem, ending = _split(name)
        if (images := by_ending.get(ending)) is not None:
            images[stem] = name
    images = {stem: name for suffix in reversed(IMAGE_SUFFIXES) for stem, name in by_ending[suffix].items()}
    return {stem: images[stem] for stem in sorted(images)}


def image_size(path: str | Path) -> tuple[int, int]:
    """Width and height of an image as it is read, turned as its EXIF says; a BadImageError if it is none.

    Only the header of the file is read.
    """
    with Raster(path) as raster:
        return raster.width, raster.height


def find_labels(folder: str | Path, suffix: str = '.txt', prefix: str = '') -> dict[str, str]:
    """Files of a folder as {stem of the image: path}, sorted by name; ``prefix`` may stand before the stem."""
    files, place = ((*_split(name), name) for name in sorted(_files(folder))), os.path.join(folder, '')
    return {stem.removeprefix(prefix): place + name for stem, ending, name in files if ending == suffix}


def describe_place(path: str | Path) -> str:
    """What is at a path without label files, for a message: ``'; it holds 12 .xml files (...)'``, or nothing."""
    if os.path.isfile(path):
        kind = ' (JSON: is it COCO?)' if os.path.splitext(path)[1].lower() == '.json' else ''
        return f'; it is a file{kind}, not a folder'
    endings = collections.Counter(_split(name)[1] for name in _files(path))
    if not endings:
        return ''
    suffix, count = max(endings.items(), key=lambda item: (item[0] in OTHER_LABELS, item[1]))
    return f'; it holds {count} files *{suffix}{OTHER_LABELS.get(suffix, "")}'


def walk_folders(root: str | Path) -> Iterator[tuple[Path, list[str]]]:
    """A folder and those below it, each with the sorted names of its files; hidden ones are left out."""
    todo, seen = collections.deque([Path(root)]), set()
    while todo:
        folder = todo.popleft()
        if (real := os.path.realpath(folder)) in seen:  # links may lead in a circle
            continue
        seen.add(real)
        try:
            entries = sorted((e for e in os.scandir(folder) if e.name[0] != '.'), key=lambda entry: entry.name)
        except OSError:  # not ours to read, or gone
            continue
        todo.extend(Path(entry.path) for entry in entries if entry.is_dir())
        yield folder, [entry.name for entry in entries if entry.is_file()]


def _files(folder: str | Path) -> list[str]:
    """Names of the files; hidden ones are none of ours (macOS writes ``._a.png`` beside ``a.png``)."""
    if not os.path.isdir(folder):
        return []
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if entry.name[0] != '.' and entry.is_file()]


def _split(name: str) -> tuple[str, str]:
    """Stem, and ending in lower case, of a name that does not begin with a dot; quicker than ``os.path.splitext``."""
    stem, dot, ending = name.rpartition('.')
    return (stem, f'.{ending.lower()}') if dot else (ending, '')
