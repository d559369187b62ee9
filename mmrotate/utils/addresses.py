"""Short addresses of published checkpoints, ``open-mmlab://detectron2/resnet50_caffe`` and their like."""

import difflib
import json
from importlib.resources import files

from mmrotate.utils.errors import UserError

_TABLES = {'open-mmlab': 'openmmlab.json', 'openmmlab': 'openmmlab.json', 'mmcls': 'mmcls.json'}
_OTHERS = ('http', 'https', 'torchvision', 'modelzoo')


class AddressError(UserError, LookupError):
    """An address of a checkpoint that names none."""


def long_address(address: str) -> str:
    """The ``https://`` address of a short one, ``torchvision://NAME`` of ``modelzoo://NAME``, any other as it is.

    Raises:
        AddressError: The name is not known, or nothing is known of such addresses.
    """
    scheme, separator, name = address.partition('://')
    if not separator or scheme in _OTHERS:
        return f'torchvision://{name}' if scheme == 'modelzoo' else address
    if scheme not in _TABLES:
        known = ', '.join(f'{each}://' for each in (*_OTHERS, *_TABLES))
        raise AddressError(f'{address}: no checkpoint can be fetched from there, only from a path or {known}')
    table = _read(_TABLES[scheme])
    name = _read('deprecated.json').get(name, name)
    if name not in table:
        near = difflib.get_close_matches(name, table, 3, 0.5) or sorted(table)
        raise AddressError(f'{address} is not known; known are e.g. {", ".join(near[:8])}')
    return table[name]


def _read(table: str) -> dict[str, str]:
    """A table of names that the engine library brings."""
    return json.loads((files('mmengine') / 'hub' / table).read_text())
