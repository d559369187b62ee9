"""Imports by the paths of MMRotate 0.3: modules that are gone, and names that have moved.

A finder in front of the others makes a stand-in for a module that is gone, and lets a module that
is still there answer for its former names; each looks a name up when it is asked for.
"""

import contextlib
import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from mmrotate.compat.paths import LIBRARIES, PLACES, SPELLED_OTHERWISE

_ROOT = 'mmrotate'
_ABSENT = ModuleType('absent')
_PACKAGES = {path.rpartition('.')[0] for path in PLACES}


def former(path: str, name: str) -> Any:
    """What ``name`` of the module ``path`` of 0.3 is today; ``path`` is without ``mmrotate.``.

    Raises:
        AttributeError: 0.3 had no such name there, or nothing takes its place.
    """
    if name.startswith('_'):
        raise AttributeError(f'module {_ROOT}.{path} has no attribute {name}')
    if library := LIBRARIES.get(f'{path}.{name}'):
        return importlib.import_module(library)
    place, _, own = SPELLED_OTHERWISE.get(name, f':{name}').partition(':')
    for module in [place] if place else PLACES.get(path, '').split():
        today = importlib.import_module(f'{_ROOT}.{module}')
        if own in vars(today).get('__all__', ()):  # it is imported on demand
            return getattr(today, own)
        # a package has its modules as attributes, of which some were called as what they hold
        if not isinstance(vars(today).get(own, _ABSENT), ModuleType):
            return vars(today)[own]
    raise AttributeError(f'module {".".join(filter(None, (_ROOT, path)))!r} has no attribute {name!r}')


class _StandIn(ModuleType):
    """A module of 0.3 whose names are elsewhere today."""

    def __getattr__(self, name: str) -> Any:
        return former(self.__name__.partition('.')[2], name)

    def __dir__(self) -> list[str]:
        places = PLACES[self.__name__.partition('.')[2]].split()
        return sorted({name for place in places for name in dir(importlib.import_module(f'{_ROOT}.{place}'))})


class _StandInLoader(Loader):
    """Makes stand-ins."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _StandIn(spec.name, 'Names of MMRotate 0.3, which are elsewhere today.')

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: names are looked up one by one."""


class _Answering(Loader):
    """Loads a module of today, which then answers for its former names too."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        path = module.__name__.partition('.')[2]
        own = vars(module).get('__getattr__')  # of a package that imports its names on demand

        def answer(name: str) -> Any:
            if own is not None:
                with contextlib.suppress(AttributeError):
                    return own(name)
            return former(path, name)

        vars(module)['__getattr__'] = answer
        if path in _PACKAGES and not hasattr(module, '__path__'):
            module.__path__ = []  # it was a package, whose modules are stand-ins


class _Finder(MetaPathFinder):
    """Finds the modules of 0.3, and wraps those of today that have former names."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        root, _, rest = name.partition('.')
        if root != _ROOT or not rest or rest not in PLACES.keys() | _PACKAGES:
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is None:
            return ModuleSpec(name, _StandInLoader(), is_package=rest in _PACKAGES)
        spec.loader = _Answering(spec.loader)
        return spec


def install() -> None:
    """Answer for the paths of 0.3 in this process."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
