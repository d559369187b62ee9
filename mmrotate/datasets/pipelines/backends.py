"""Where files are read from: the disk, or what ``file_client_args`` of 0.x names."""

import importlib
import os
import urllib.error
import urllib.request
import zipfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mmengine.fileio import get_file_backend
from mmengine.fileio.backends import backends

from mmrotate.utils import UserError
from mmrotate.utils.errors import ArgumentError

_DISK = ('disk', 'local')
_REFUSED = {
    'petrel': 'its client, petrel_client, is no public package: mount the storage, and name its folder in img_prefix'
}
_REFUSED['ceph'] = _REFUSED['petrel']
_PACKAGES = {'lmdb': 'lmdb', 'memcached': 'mc', 'fsspec': 'fsspec'}
_TRIES = 3


class Fetched:
    """Files of a web server: ``img_prefix`` is an address ``http://...`` or ``https://...``.

    Args:
        timeout: seconds that a server may be silent.
    """

    def __init__(self, timeout: float = 30.0) -> None:
        self.timeout = timeout

    def get(self, filepath: str) -> bytes:
        """Content of an address; it is asked for three times before an OSError is raised."""
        if not filepath.startswith(('http://', 'https://')):
            raise OSError('no address that begins with http:// or https://: img_prefix names the server')
        for left in reversed(range(_TRIES)):
            try:
                with urllib.request.urlopen(filepath, timeout=self.timeout) as answer:
                    content: bytes = answer.read()
                    return content
            except urllib.error.HTTPError:
                raise  # the server has answered: asking again is no use
            except OSError:
                if not left:
                    raise
        raise AssertionError('unreachable')


class Zipped:
    """Files of a zip archive, by their names in it.

    Args:
        zip_path: the archive.
    """

    def __init__(self, zip_path: str) -> None:
        if not zipfile.is_zipfile(zip_path):
            raise ArgumentError(f'zip_path={zip_path!r} is no zip archive')
        self.zip_path = zip_path
        self._process = -1
        self._archive: zipfile.ZipFile | None = None

    def get(self, filepath: str) -> bytes:
        """Content of a file; a KeyError if there is none of this name."""
        if self._process != os.getpid():  # an open archive cannot be shared with a forked process
            self._process, self._archive = os.getpid(), zipfile.ZipFile(self.zip_path)
        assert self._archive is not None
        return self._archive.read(filepath.replace(os.sep, '/'))

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), '_process': -1, '_archive': None}


class Remote:
    """Files of any storage that fsspec knows, such as ``s3://bucket/images``.

    Args:
        options: arguments of that storage, as of ``fsspec.open``.
    """

    def __init__(self, **options: Any) -> None:
        self.options = options

    def get(self, filepath: str) -> bytes:
        """Content of an address."""
        with importlib.import_module('fsspec').open(filepath, 'rb', **self.options) as file:
            content: bytes = file.read()
            return content


_OWN = {'http': Fetched, 'zip': Zipped, 'fsspec': Remote}


def open_backend(file_client_args: Mapping[str, Any] | None) -> Any | None:
    """A storage of MMEngine, whose ``get(path)`` gives bytes; None for the disk.

    Args:
        file_client_args: dict(backend=NAME, ...): 'disk', 'http', 'zip' (with ``zip_path``), 'fsspec' (s3 and the
            like), 'lmdb' (with ``db_path``), 'memcached' (with its files), or a storage of your own that is registered
            with ``mmengine.fileio.register_backend``.

    Raises:
        UserError: no such storage, a wrong argument of it, or its package is not installed.
    """
    args = dict(file_client_args or {})
    name = args.get('backend', 'disk')
    if name in _DISK:
        return None
    known = ['disk', *_OWN, *(each for each in backends if each not in ('local', *_OWN, *_REFUSED))]
    if name in _REFUSED or name not in {**backends, **_OWN}:
        reason = _REFUSED.get(name, f'no such backend; known: {known}')
        raise UserError(f'file_client_args: backend={name!r}: {reason}')
    if (package := _PACKAGES.get(name)) and find_spec(package) is None:
        raise UserError(f'file_client_args: backend={name!r} needs the package {package}: pip install {package}')
    try:
        if name in _OWN:
            return _OWN[name](**{key: value for key, value in args.items() if key != 'backend'})
        return get_file_backend(backend_args=args)
    except (ImportError, OSError, TypeError, ValueError) as error:
        raise UserError(f'file_client_args: backend={name!r}: {error}') from error


def joined_path(prefix: str | None, name: str) -> str:
    """The path of a file in a folder, or its address where the folder is one."""
    if prefix and '://' in prefix:
        return f'{prefix.rstrip("/")}/{name}'
    return str(Path(prefix) / name) if prefix else str(name)
