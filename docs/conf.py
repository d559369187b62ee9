"""How Sphinx makes the site of these pages: ``make docs``, or ``python -m sphinx docs outputs/site``."""

import importlib
import pkgutil
import re
import sys
from pathlib import Path
from types import ModuleType

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))
mmrotate = importlib.import_module('mmrotate')

project = 'MMRotate'
author = 'The authors of MMRotate'
copyright = author
release = mmrotate.__version__

extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon', 'sphinx.ext.viewcode']
default_role = 'code'  # as Markdown has it
html_theme = 'furo'
html_title = f'MMRotate {release}'
html_theme_options = {'navigation_with_keys': True}

myst_heading_anchors = 4

# what a package offers of its modules is shown where it is written
autodoc_default_options = {'members': True, 'ignore-module-all': True}
add_module_names = False
autodoc_member_order = 'bysource'
autodoc_typehints_format = 'short'
napoleon_google_docstring = True
# a type in a signature is no link: what torch or numpy call theirs is not looked up in a network
nitpick_ignore_regex = [('py:.*', '.*')]
suppress_warnings = ['ref.python']

# the pages of the API: title, and the modules whose docstrings it shows
API = {
    'analysis': 'From logs, results and annotations to tables and pictures',
    'apis': 'What a program calls',
    'core': 'Boxes, anchors, patches, scores, pictures',
    'datasets': 'Datasets and pipelines',
    'engine': 'Training and testing',
    'models': 'Detectors and their parts',
    'ops': 'Operations',
    'utils': 'Files, logs, seeds, errors',
}


def modules_of(package: str) -> list[str]:
    """The modules in ``package`` that have something of their own to show."""
    names = [item.name for item in pkgutil.walk_packages(importlib.import_module(package).__path__, f'{package}.')]
    return [name for name in sorted(names) if '._' not in name and _has_own(importlib.import_module(name))]


def _has_own(module: ModuleType) -> bool:
    parts = [part for name, part in vars(module).items() if not name.startswith('_')]
    return any(getattr(part, '__module__', None) == module.__name__ and part.__doc__ for part in parts)


def write_api_pages(_app: object) -> None:
    """One page a package, written anew from the modules that are there."""
    for name, title in API.items():
        package = f'mmrotate.{name}'
        parts = [f'{package}\n{"=" * len(package)}\n\n{title}.\n']
        for module in modules_of(package):
            heading = module.removeprefix(f'{package}.')
            parts.append(f'{heading}\n{"-" * len(heading)}\n\n.. automodule:: {module}\n')
        text, page = '\n'.join(parts), DOCS / f'api/{name}.rst'
        if not page.exists() or page.read_text(encoding='utf-8') != text:
            page.write_text(text, encoding='utf-8')


def split_argument_headings(_app: object, _what: str, _name: str, _obj: object, _options: object, lines: list) -> None:
    """``Args, besides those of a convolution:`` is a sentence and the heading that napoleon knows."""
    for number in reversed(range(len(lines))):
        if found := re.fullmatch(r'Args, (.*):', lines[number]):
            lines[number : number + 1] = [f'Arguments {found[1]}:', '', 'Args:']


def setup(app: object) -> None:
    """Sphinx asks for this."""
    app.connect('builder-inited', write_api_pages)
    app.connect('autodoc-process-docstring', split_argument_headings, priority=100)  # before napoleon
