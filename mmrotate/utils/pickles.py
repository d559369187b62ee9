"""Pickle files of others, read without running what they say: numbers, texts, containers and arrays only."""

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from mmrotate.utils.errors import UserError
from mmrotate.utils.files import near_files

ALLOW_VARIABLE = 'MMROTATE_ALLOW_PICKLE'
_CONTAINERS = {'builtins': ('set', 'frozenset', 'bytes', 'bytearray', 'complex'), 'collections': ('OrderedDict',)}
# what NumPy's arrays and numbers are made of, under its names before and since 2.0
_OF_NUMPY = {'multiarray': ('_reconstruct', 'scalar'), 'numeric': ('_frombuffer',)}


class PickleError(UserError, ValueError):
    """A file that is no pickle, is damaged, or holds more than plain data."""


class _RefusedError(Exception):
    """An object that could run code; its name."""


class _PlainUnpickler(pickle.Unpickler):
    """Finds the classes of plain data only."""

    def find_class(self, module: str, name: str) -> Any:
        module = module.replace('__builtin__', 'builtins')  # of the protocols before 3
        if module in ('numpy', 'numpy.dtypes') and (name in ('ndarray', 'dtype') or _is_scalar(name)):
            return getattr(np.dtypes if module == 'numpy.dtypes' else np, name)
        package, _, part = module.rpartition('.')
        known = _OF_NUMPY.get(part, ()) if package in ('numpy.core', 'numpy._core') else _CONTAINERS.get(module, ())
        if name in known:
            return super().find_class(f'numpy._core.{part}' if package else module, name)
        if (module, name) == ('_codecs', 'encode'):  # bytes, likewise
            return _encode
        raise _RefusedError(f'{module}.{name}')


def load_plain(path: str | Path) -> Any:
    """What a pickle file holds, if that is plain data.

    Raises:
        PickleError: It is not, or the file is damaged; the message says how to write it otherwise.
        OSError: The file cannot be opened.
    """
    return _load(
        Path(path),
        _PlainUnpickler,
        'only numbers, texts, lists, tuples, dicts, sets and arrays of NumPy are read from a pickle: turn the rest '
        'into these, or write JSON',
    )


def load_arrays(path: str | Path) -> Any:
    """The same of results, whose author may be trusted with more by ``MMROTATE_ALLOW_PICKLE=1`` in the environment.

    Raises:
        PickleError: There is no such file, or it is as :func:`load_plain` says.
    """
    path = Path(path)
    if not path.is_file():
        raise PickleError(f'there is no file {path}{near_files(path)}')
    loader = pickle.Unpickler if os.environ.get(ALLOW_VARIABLE) == '1' else _PlainUnpickler
    return _load(path, loader, f'if you trust the file, set {ALLOW_VARIABLE}=1 in the environment')


def _load(path: Path, loader: type[pickle.Unpickler], advice: str) -> Any:
    with path.open('rb') as file:
        try:
            return loader(file).load()
        except _RefusedError as error:
            raise PickleError(
                f'{path}: it holds {error}, and loading that could run any code that its author put there; {advice}'
            ) from None
        except Exception as error:  # a damaged pickle fails with errors of many kinds
            raise PickleError(f'{path} is no pickle, or is damaged: {type(error).__name__}: {error}') from error


def _is_scalar(name: str) -> bool:
    kind = getattr(np, name, getattr(np.dtypes, name, None))
    return isinstance(kind, type) and issubclass(kind, np.generic | np.dtype)


def _encode(text: str, encoding: str) -> bytes:
    if encoding != 'latin1' or not isinstance(text, str):
        raise _RefusedError(f'a text encoded as {encoding!r}')
    return text.encode('latin1')
