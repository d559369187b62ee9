"""Pickle files of others, read without running what they say: numbers, texts, containers and arrays only."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from mmrotate.utils.errors import UserError

_CONTAINERS = {'builtins': ('set', 'frozenset', 'bytes', 'bytearray', 'complex'), 'collections': ('OrderedDict',)}
# what NumPy's arrays and numbers are made of, under its names before and since 2.0
_OF_NUMPY = {'multiarray': ('_reconstruct', 'scalar'), 'numeric': ('_frombuffer',)}


class UnsafePickleError(UserError, ValueError):
    """A pickle file that holds more than plain data, or no pickle at all."""


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
        raise UnsafePickleError(f'it holds {module}.{name}')


def load_plain(path: str | Path) -> Any:
    """What a pickle file holds, if that is plain data.

    Raises:
        UnsafePickleError: it is not, or the file is damaged; the message says how to write it otherwise.
        OSError: the file cannot be opened.
    """
    with Path(path).open('rb') as file:
        try:
            return _PlainUnpickler(file).load()
        except UnsafePickleError as error:
            raise UnsafePickleError(
                f'{path}: {error}, and loading that could run any code; only numbers, texts, lists, tuples, dicts, '
                'sets and arrays of NumPy are read from a pickle: turn the rest into these, or write JSON'
            ) from None
        except Exception as error:
            raise UnsafePickleError(f'{path} is no pickle file, or damaged: {error}') from error


def _is_scalar(name: str) -> bool:
    kind = getattr(np, name, getattr(np.dtypes, name, None))
    return isinstance(kind, type) and issubclass(kind, np.generic | np.dtype)


def _encode(text: str, encoding: str) -> bytes:
    if encoding != 'latin1' or not isinstance(text, str):
        raise UnsafePickleError(f'it encodes a text as {encoding!r}')
    return text.encode('latin1')
