"""Packages whose names are imported when they are first asked for, so that light parts load without heavy ones."""

import ast
import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any


def lazily(package: str) -> None:
    """Import what stands under ``if TYPE_CHECKING:`` in a package's file name by name, on demand.

    ``__all__`` has these names. A name that is also that of a module in the package is never the module.
    """
    module = sys.modules[package]
    places = _places(ast.parse(module.__loader__.get_source(package)))  # type: ignore[union-attr]

    def find(name: str) -> Any:
        place, own = places.get(name) or (f'.{name}', '')
        if name not in places and (name.startswith('_') or not importlib.util.find_spec(place, package)):
            raise AttributeError(f'module {package!r} has no attribute {name!r}')
        try:
            source = importlib.import_module(place, package)
        except AttributeError as error:  # it would say that the package has no such name
            raise ImportError(f'{importlib.util.resolve_name(place, package)} cannot be imported: {error}') from error
        value = getattr(source, own) if own else source
        vars(module)[name] = value
        return value

    names = {name for name, (_, own) in places.items() if own}
    vars(module).update(__getattr__=find, __all__=sorted(places), __dir__=lambda: sorted({*vars(module), *places}))
    module.__class__ = type('LazyPackage', (_LazyPackage,), {'own_names': names})


def everything(package: str) -> None:
    """Import all that a package imports on demand: what its modules register is known then."""
    module = importlib.import_module(package)
    for name in getattr(module, '__all__', ()):
        value = getattr(module, name)
        if isinstance(value, _LazyPackage):
            everything(value.__name__)


class _LazyPackage(ModuleType):
    """A package that Python's import does not make forget its own names for its modules of these names."""

    own_names: set[str] = set()

    def __setattr__(self, name: str, value: Any) -> None:
        if not (isinstance(value, ModuleType) and name in self.own_names):
            super().__setattr__(name, value)


def _places(tree: ast.Module) -> dict[str, tuple[str, str]]:
    """Module and name in it, '' for the module itself, of each name that is imported under ``if TYPE_CHECKING:``."""
    blocks = (node.body for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == 'TYPE_CHECKING')
    places = {}
    for node in (node for body in blocks for node in body if isinstance(node, ast.ImportFrom)):
        base = '.' * node.level + (node.module or '')
        for alias in node.names:
            found = (base, alias.name) if node.module else (f'{base}{alias.name}', '')
            places[alias.asname or alias.name] = found
    return places
