"""Rotated object detection in PyTorch.

Importing the package alone is cheap: the parts (``mmrotate.models``, ``mmrotate.apis``, ...) load
when they are first asked for, also as attributes (``mmrotate.ops.nms_rotated``).
"""

import importlib
from types import ModuleType

__version__ = '0.4.0'

_PARTS = ('apis', 'cli', 'core', 'datasets', 'engine', 'models', 'ops', 'registry', 'utils')


def __getattr__(name: str) -> ModuleType:
    if name in _PARTS:
        return importlib.import_module(f'{__name__}.{name}')
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
    return [*globals(), *_PARTS]
