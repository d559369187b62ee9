"""Rotated object detection in PyTorch.

Importing the package alone is cheap: the parts (``mmrotate.models``, ``mmrotate.apis``, ...) load
when they are first asked for, also as attributes (``mmrotate.ops.nms_rotated``).
"""

import importlib
from typing import Any

from mmrotate.compat import importing as _former

__version__ = '0.4.0'

_PARTS = (
    'analysis',
    'apis',
    'cli',
    'compat',
    'core',
    'datasets',
    'engine',
    'export',
    'models',
    'ops',
    'registry',
    'serve',
    'track',
    'utils',
)


_former.install()


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return importlib.import_module(f'{__name__}.{name}')
    return _former.former('', name)


def __dir__() -> list[str]:
    return [*globals(), *_PARTS]
