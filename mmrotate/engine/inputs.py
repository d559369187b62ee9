"""The files that a config reads: outputs must spare them."""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config

_CONFIG_SUFFIXES = ('.py', '.json', '.yaml', '.yml')
_DATA_SUFFIXES = ('.txt', '.xml', '.png', '.jpg', '.jpeg', '.tif', '.tiff', '.bmp')


def files_of_config(cfg: Config) -> list[Path]:
    """The config's file, those of its bases, and all that its data are read from."""
    return [*_config_files(cfg), *_data_files(list((cfg.get('data') or {}).values()))]


def _config_files(cfg: Config) -> list[Path]:
    # the text of a config begins, for each of its files, with a line that is the file's name
    lines = (line for line in cfg.text.splitlines() if line.endswith(_CONFIG_SUFFIXES))
    return [path for path in map(Path, {str(cfg.filename): None, **dict.fromkeys(lines)}) if path.is_file()]


def _data_files(data: Any) -> Iterator[Path]:
    """What the configs of datasets name: annotations, class names, and what lies in their folders."""
    if isinstance(data, list | tuple):
        yield from itertools.chain.from_iterable(map(_data_files, data))
    if not isinstance(data, dict):
        return
    own = {key: value for key, value in data.items() if key not in ('type', 'pipeline', 'data_root')}
    names = [name for value in own.values() for name in _strings(value)]
    # a relative path starts from data_root or, as those of HRSC's subfolders, from img_prefix
    roots = [Path(root) for root in ('', data.get('data_root'), data.get('img_prefix')) if isinstance(root, str)]
    for path in dict.fromkeys(root / name for root, name in itertools.product(roots, filter(None, names))):
        yield from _files(path)
    yield from _data_files(list(own.values()))


def _strings(value: Any) -> Iterable[str]:
    values = value if isinstance(value, list | tuple) else [value]
    return (item for item in values if isinstance(item, str))


def _files(path: Path) -> Iterator[Path]:
    """``path`` if it is a file; the data in it if it is a folder."""
    try:
        if path.is_file():
            yield path
        elif path.is_dir():
            yield from (file for file in path.iterdir() if file.suffix.lower() in _DATA_SUFFIXES)
    except (OSError, ValueError):  # a name too long for a path is none
        return
