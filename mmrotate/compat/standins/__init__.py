"""Stand-ins for mmcv, mmdet and mmcls, so that files written against their 0.x and 1.x versions load without them.

The last finder of all answers: a module that is installed wins, and what stands in is made name by name when it is
asked for. The tables say what is there (``tables``) and what to use in place of the rest (``gone``).
"""

import difflib
import importlib
import logging
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from mmrotate.compat.standins.gone import GONE
from mmrotate.compat.standins.tables import MODULES, NAMES, VERSIONS

_PAGE = 'docs/migration.md'
_told: set[str] = set()


def is_installed(root: str) -> bool:
    """Whether the library itself is there, not its stand-in."""
    return PathFinder.find_spec(root) is not None


def places(module: str) -> dict[str, str]:
    """``place:name`` of today for every name of a module and of the packages around it, below the library itself."""
    found: dict[str, str] = {}
    while module:
        for place, names in NAMES.get(module, {}).items():
            for name in names.split():
                former, _, own = name.partition('=')
                found.setdefault(former, f'{place}:{own or former}')
        module = module.rpartition('.')[0] if module.count('.') > 1 else ''
    return found


def missing(path: str) -> str:
    """What to say of a name or module that has no stand-in."""
    module, _, name = path.rpartition('.')
    known = {*places(module), *(part.rpartition('.')[2] for part in MODULES if part.rpartition('.')[0] == module)}
    near = difflib.get_close_matches(name, known, 1, 0.8)
    hint = GONE.get(name) or (f'did you mean {near[0]}?' if near else '')
    root = path.partition('.')[0]
    return f'{path} has no stand-in, and {root} is not installed: {f"{hint}; " if hint else ""}see {_PAGE}'


class _StandIn(ModuleType):
    """A module of a library that is not installed."""

    def __getattr__(self, name: str) -> Any:
        module = self.__name__
        if name == '__version__' and module in VERSIONS:
            return VERSIONS[module]
        place, _, own = places(module).get(name, '').partition(':')
        if place:
            return getattr(importlib.import_module(place), own)
        if f'{module}.{name}' in MODULES:
            return importlib.import_module(f'{module}.{name}')
        raise AttributeError(missing(f'{module}.{name}'))

    def __setattr__(self, name: str, value: Any) -> None:
        # an imported module becomes an attribute of its package; some are called as the function that they hold
        if not (isinstance(value, _StandIn) and name in places(self.__name__)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted(places(self.__name__))


class _StandInLoader(Loader):
    """Makes stand-ins."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _StandIn(spec.name, 'Stands in for a library that is not installed.')

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: names are looked up one by one."""


class _Operations(ModuleType):
    """The compiled operations that mmcv 2.x asks for and mmcv-lite lacks."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith('_'):
            raise AttributeError(f'module {self.__name__} has no attribute {name}')
        own = importlib.import_module('mmrotate.compat.standins.mmcv_ext')
        return vars(own).get(name) or own.absent(name)


class _OperationsLoader(_StandInLoader):
    """Makes them."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Operations(spec.name, 'Operations of mmrotate under the names of mmcv.')


class _Finder(MetaPathFinder):
    """Finds what no other finder has found."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        if name == 'mmcv._ext' and is_installed('mmcv'):
            return ModuleSpec(name, _OperationsLoader())
        if name in MODULES:
            return ModuleSpec(name, _StandInLoader(), is_package=True)
        parent, _, last = name.rpartition('.')
        if not last.startswith('_') and isinstance(sys.modules.get(parent), _StandIn):
            # ``from package import name`` looks for a module last, and would hide an AttributeError's text
            raise ModuleNotFoundError(missing(name))
        return None


def install() -> None:
    """Answer for mmcv, mmdet and mmcls in this process, wherever they are not installed."""
    for root, version in VERSIONS.items():
        if is_installed(root) and root not in _told:
            _told.add(root)
            logging.getLogger('mmrotate').info('%s is installed: it is used, not what stands in for %s', root, version)
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
