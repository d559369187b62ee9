"""What the documents of MMRotate 0.3 name: every name is there and takes its arguments, but for those listed here.

``tests/data/contract`` has the documented names with their arguments in order (``api.json``), and the
modules of 0.3.4 with their public names (``imports.json``).
"""

import importlib
import inspect
import json
from pathlib import Path

from tests.helpers.contract import DIFFERING, NOT_IMPORTED

DATA = Path(__file__).parents[1] / 'data/contract'
ITEMS = json.loads((DATA / 'api.json').read_text())
MODULES = json.loads((DATA / 'imports.json').read_text())
OURS = ('mmrotate', 'mmengine')
BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
NAMED = (*BY_POSITION, inspect.Parameter.KEYWORD_ONLY)


def of_call(function, bound):
    """Names by position, all names (None for any), and required names."""
    params = list(inspect.signature(function).parameters.values())[int(bound) :]
    anything = any(param.kind == param.VAR_KEYWORD for param in params)
    named = [param for param in params if param.kind in NAMED]
    order = [param.name for param in named if param.kind in BY_POSITION]
    return order, None if anything else [p.name for p in named], [p.name for p in named if p.default is p.empty]


def of_class(cls):
    """The same of ``cls(...)``, through ``*args, **kwargs`` to its bases."""
    order, names, required, by_position = [], [], [], True
    for base in cls.__mro__:
        if '__init__' not in vars(base) or base.__module__.split('.')[0] not in OURS:
            continue
        own, _, needed = of_call(base.__init__, True)
        params = list(inspect.signature(base.__init__).parameters.values())[1:]
        kinds = {param.kind for param in params}
        order += [name for name in own if by_position and name not in names]
        names += [param.name for param in params if param.kind in NAMED]
        required += needed
        by_position = by_position and inspect.Parameter.VAR_POSITIONAL in kinds
        if inspect.Parameter.VAR_KEYWORD not in kinds and not by_position:
            break
    return order, names, required


def find(item):
    """Module or class, and the name in it."""
    path, name = item['name'].rsplit('.', 1)
    if item['kind'] not in ('method', 'property'):
        return importlib.import_module(path), name
    path, owner = path.rsplit('.', 1)
    return getattr(importlib.import_module(path), owner), name


def holds(item):
    """Whether the documented name is there and takes its arguments by keyword, and by position in their order."""
    try:
        owner, name = find(item)
        found = getattr(owner, name)
    except (ImportError, AttributeError):
        return False
    static = inspect.getattr_static(owner, name) if inspect.isclass(owner) else found
    if item['kind'] == 'property':
        return isinstance(static, property) or not callable(static)
    if item['kind'] == 'class':
        order, names, required = of_class(found)
    else:
        bound = item['kind'] == 'method' and not isinstance(static, staticmethod | classmethod)
        order, names, required = of_call(found, bound)
    wanted = item['args']
    if names is not None and (not set(wanted) <= set(names) or order[: len(wanted)] != wanted):
        return False
    return item['more'] or set(required) <= set(wanted)


def test_documented_names_and_arguments():
    failing = {item['name'].removeprefix('mmrotate.') for item in ITEMS if not holds(item)}
    assert failing <= DIFFERING


def test_import_paths():
    absent = set()
    for path, names in MODULES.items():
        module = importlib.import_module(path)
        absent |= {f'{path}.{name}'.removeprefix('mmrotate.') for name in names if not hasattr(module, name)}
    assert absent <= NOT_IMPORTED


def test_what_does_not_hold_is_a_name_of_the_documents():
    documented = {item['name'].removeprefix('mmrotate.') for item in ITEMS}
    exported = {f'{path}.{name}'.removeprefix('mmrotate.') for path, names in MODULES.items() for name in names}
    assert documented >= DIFFERING
    assert exported >= NOT_IMPORTED
