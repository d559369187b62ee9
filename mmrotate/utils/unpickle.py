"""Pickles of arrays and plain values, read without running what the file says."""

import os
import pickle
from pathlib import Path
from typing import Any

from mmrotate.utils.errors import UserError
from mmrotate.utils.files import near_files

ALLOW_VARIABLE = 'MMROTATE_ALLOW_PICKLE'
# what makes arrays; where it stands depends on the version of numpy that wrote the file
_PLACES = ('numpy', *(f'numpy.{core}.{part}' for core in ('core', '_core') for part in ('multiarray', 'numeric')))
_MAKERS = ('ndarray', 'dtype', '_reconstruct', 'scalar', '_frombuffer')
_PLAIN = {(place, name) for place in ('builtins', '__builtin__') for name in ('bytes', 'set')}
_KNOWN = {(place, name) for place in _PLACES for name in _MAKERS} | _PLAIN | {('_codecs', 'encode')}


class PickleError(UserError, ValueError):
    """A file that is no pickle, is damaged, or holds more than arrays and plain values."""


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise _RefusedError(f'{module}.{name}')
        return super().find_class(module, name)


class _RefusedError(Exception):
    """An object that could run code; its name."""


def load_arrays(path: str | Path) -> Any:
    """What a pickle of lists, dicts, arrays, numbers and texts holds.

    Other objects can run whatever code the file's author put there: they are refused, unless the environment has
    ``MMROTATE_ALLOW_PICKLE=1``.

    Raises:
        PickleError: The file is damaged, or holds other objects.
    """
    path = Path(path)
    if not path.is_file():
        raise PickleError(f'there is no file {path}{near_files(path)}')
    loader = pickle.Unpickler if os.environ.get(ALLOW_VARIABLE) == '1' else _ArrayUnpickler
    with path.open('rb') as stream:
        try:
            return loader(stream).load()
        except _RefusedError as error:
            raise PickleError(
                f'{path} holds more than arrays and plain values ({error}), and reading that can run any code that '
                f'its author put there. If you trust the file, set {ALLOW_VARIABLE}=1 in the environment'
            ) from error
        except Exception as error:  # a damaged pickle fails with errors of many kinds
            raise PickleError(f'{path} is no pickle, or is damaged: {type(error).__name__}: {error}') from error
