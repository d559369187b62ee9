"""The zoo: its configs and their weights by name, wherever the package is installed."""

import difflib
import functools
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mmrotate.utils.download import cached_path, fetch
from mmrotate.utils.errors import UserError

# made from the configs by docs/make_model_zoo.py
ZOO_FILE = Path(__file__).with_name('zoo.json')
_PACKAGE = Path(__file__).parents[1]
Row = dict[str, Any]


def read_zoo(words: Iterable[str] = ()) -> list[Row]:
    """The configs that hold all ``words`` in any value, in upper or lower case.

    Each is a dict with method, paper, config (its path under ``configs/`` without the ending), backbone, angle,
    schedule, data, and where published mAP, memory_gb (of a training with two images a step), fps (one RTX 2080 Ti)
    and checkpoint (an address, or a path of a file that the package ships); None else.
    """
    wanted = [word.lower() for word in words]
    texts = [' '.join(str(value) for value in row.values()).lower() for row in _rows()]
    return [dict(row) for row, text in zip(_rows(), texts, strict=True) if all(word in text for word in wanted)]


def zoo_row(name: str) -> Row:
    """The row of a config by its ``NAME`` or ``METHOD/NAME``.

    Raises:
        UserError: The zoo has none of this name; near ones are listed.
    """
    if (row := _by_name().get(name)) is None:
        raise UserError(f'the zoo has no config {name}{near_zoo_names(name)}; `mmrotate list` names all')
    return row


def is_zoo_name(name: str | os.PathLike) -> bool:
    """Whether the zoo has a config ``NAME`` or ``METHOD/NAME``, and no file of this name stands in front of it."""
    return os.fspath(name) in _by_name() and not Path(name).is_file()


def near_zoo_names(given: str | os.PathLike) -> str:
    """``'; the zoo has A, B'``: its names near to what was given as a path, or an empty string."""
    path = Path(given)
    wanted = path.stem if path.suffix in ('.py', '.pth') else path.name
    names = [row['config'].rpartition('/')[2] for row in _rows()]
    near = difflib.get_close_matches(wanted, names, n=3, cutoff=0.8)
    return f'; the zoo has {", ".join(near)} (give the name alone)' if near else ''


def local_config(given: str | os.PathLike) -> Path:
    """The file of a config: of a name of the zoo the one that came with the package, else ``given`` itself.

    Raises:
        UserError: The package was installed without its configs.
    """
    return shipped(f'configs/{zoo_row(os.fspath(given))["config"]}.py') if is_zoo_name(given) else Path(given)


def local_checkpoint(given: str | os.PathLike) -> Path:
    """The file of weights: of a name of the zoo or an ``http(s)://`` address, fetched if need be; else ``given``.

    Raises:
        UserError: No weights were published for the name.
        CheckpointError: They cannot be fetched.
    """
    name = os.fspath(given)
    if name.startswith(('http://', 'https://')):
        return fetch(name)
    if not is_zoo_name(name):
        return Path(name)
    if not (address := zoo_row(name)['checkpoint']):
        raise UserError(f'no weights were published for {name}: `mmrotate train {name}` makes some')
    return fetch(address) if '://' in address else shipped(address)


def checkpoint_at_hand(row: Row) -> Path | None:
    """Where the weights of a row are without a network, None if they are not."""
    address = row['checkpoint']
    path = address and (cached_path(address) if '://' in address else _root() / address)
    return path if path and path.is_file() else None


@functools.cache
def _rows() -> tuple[Row, ...]:
    return tuple(json.loads(ZOO_FILE.read_text(encoding='utf-8')))


@functools.cache
def _by_name() -> dict[str, Row]:
    return {name: row for row in _rows() for name in (row['config'], row['config'].rpartition('/')[2])}


def _root() -> Path:
    """The folder that holds configs, tools and demo: the package's own, in a clone the clone's."""
    own = _PACKAGE / '.mim'
    return own if (own / 'configs').is_dir() else _PACKAGE.parent


def shipped(path: str) -> Path:
    """A file that came with the package, by its path in the clone (``configs/...``, ``tools/...``, ``demo/...``).

    Raises:
        UserError: The package was installed without it.
    """
    file = _root() / path
    if not file.is_file():
        raise UserError(f'{file} is missing: install the package anew (pip install --force-reinstall --no-deps .)')
    return file
