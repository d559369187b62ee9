"""Where files are read from: the disk, or what ``file_client_args`` of 0.x names."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from mmengine.fileio import get_file_backend
from mmengine.fileio.backends import backends

from mmrotate.utils import UserError

_DISK = ('disk', 'local')
_REFUSED = {
    'http': 'images are not fetched one by one while a model runs: download them, and name their folder in img_prefix',
    'petrel': 'its client, petrel_client, is no public package: mount the storage, and name its folder in img_prefix',
}
_PACKAGES = {'lmdb': 'lmdb', 'memcached': 'mc'}
_REFUSED['ceph'] = _REFUSED['petrel']


def open_backend(file_client_args: Mapping[str, Any] | None) -> Any | None:
    """A storage of MMEngine, whose ``get(path)`` gives bytes; None for the disk.

    Args:
        file_client_args: dict(backend=NAME, ...): 'disk', 'lmdb' (with ``db_path``), 'memcached' (with its files), or a
            storage of your own that is registered with ``mmengine.fileio.register_backend``.

    Raises:
        UserError: no such storage, a wrong argument of it, or its package is not installed.
    """
    args = dict(file_client_args or {})
    name = args.get('backend', 'disk')
    if name in _DISK:
        return None
    known = ['disk', *(each for each in backends if each not in ('local', *_REFUSED))]
    if name in _REFUSED or name not in backends:
        reason = _REFUSED.get(name, f'no such backend; known: {known}')
        raise UserError(f'file_client_args: backend={name!r}: {reason}')
    if (package := _PACKAGES.get(name)) and find_spec(package) is None:
        raise UserError(f'file_client_args: backend={name!r} needs the package {package}, which is not installed')
    try:
        return get_file_backend(backend_args=args)
    except (ImportError, TypeError, ValueError) as error:
        raise UserError(f'file_client_args: backend={name!r}: {error}') from error
