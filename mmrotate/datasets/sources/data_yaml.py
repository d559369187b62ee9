"""The YAML file of a data set in the form of Ultralytics: ``path``, ``train``, ``val``, ``test``, ``names``."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from .source import SourceError

_PARTS = ('train', 'val', 'test')


class Described(NamedTuple):
    """What a YAML file says: the folders of images and labels of each part and its list of images, and the classes."""

    parts: dict[str, tuple[Path, Path, Path | None]]
    classes: tuple[str, ...]


def find_yaml(path: Path) -> Path | None:
    """The YAML file that a path is, or the one in the folder that it is, if that describes a data set."""
    if path.is_file():
        return path if path.suffix.lower() in ('.yaml', '.yml') else None
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in ('.yaml', '.yml') and file.is_file())
    found = [file for file in files if _describes(file)]
    if len(found) > 1:
        raise SourceError(f'{path} holds {", ".join(file.name for file in found)}: name the one that is meant')
    return found[0] if found else None


def read_yaml(path: Path) -> Described:
    """What the file says; a part of several folders becomes several: train, train_2 and so on.

    Raises:
        SourceError: it is no such file, or a folder that it names is not there.
    """
    content = _load(path)
    if not isinstance(content, dict) or not any(content.get(part) for part in _PARTS):
        raise SourceError(f'{path} describes no data: a YAML file with path, train, val, test and names is needed')
    parts = {}
    for part in _PARTS:
        given = content.get(part) or []
        for number, entry in enumerate([given] if isinstance(given, str) else given, 1):
            name = part if number == 1 else f'{part}_{number}'
            parts[name] = _folders(_resolve(path, content.get('path'), entry, part))
    return Described(parts, _classes(path, content))


def names_of_yaml(path: Path) -> tuple[str, ...]:
    """The classes that a file which :func:`find_yaml` found lists; a SourceError if they are no list."""
    return _classes(path, _load(path))


def _describes(path: Path) -> bool:
    try:
        content = _load(path)
    except SourceError:
        return False
    return isinstance(content, dict) and any(isinstance(content.get(part), str | list) for part in _PARTS)


def _load(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text('utf-8-sig'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SourceError(f'{path} cannot be read as YAML: {" ".join(str(error).split())}') from error


def _resolve(path: Path, root: Any, entry: Any, part: str) -> Path:
    """Where the images of a part are: a folder, or a list of them."""
    tried = list(_places(path.parent, str(root or ''), str(entry)))
    for place in tried:
        if place.exists():
            return place
    raise SourceError(f'{path}, {part}: neither of {", ".join(map(str, tried))} is there')


def _places(folder: Path, root: str, entry: str) -> Iterator[Path]:
    """Paths that are relative to ``path``, or to the file; Roboflow writes ../ where nothing is to be gone up."""
    yield folder / root / entry
    if root:
        yield folder / entry
    if entry.startswith('../'):
        yield folder / entry[3:]


def _folders(place: Path) -> tuple[Path, Path, Path | None]:
    """The folders of images and labels, and the list if it is one."""
    listed = None
    if place.is_file():
        with place.open(encoding='utf-8-sig') as file:
            images = [os.path.dirname(place.parent / line.strip()) for line in file if line.strip()]
        listed, place = place, Path(os.path.commonpath(images)) if images else place.parent
    return place, _labels_of(place), listed


def _labels_of(images: Path) -> Path:
    """The folder of labels: 'labels' in the place of the last 'images' of the path, else the same folder."""
    parts = list(images.parts)
    for i in reversed(range(len(parts))):
        if parts[i] == 'images' and (labels := Path(*parts[:i], 'labels', *parts[i + 1 :])).is_dir():
            return labels
    return images


def _classes(path: Path, content: dict) -> tuple[str, ...]:
    names = content.get('names') or []
    if isinstance(names, dict):
        if sorted(names) != list(range(len(names))):
            raise SourceError(f'{path}, names: the numbers 0 to {len(names) - 1} are needed, got {sorted(names)}')
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list) or len(set(map(str, names))) < len(names):
        raise SourceError(f'{path}, names: a list of different names is needed, got {names!r}')
    return tuple(map(str, names))
