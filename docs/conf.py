"""How Sphinx makes the site of these pages: ``make docs``, or ``python -m sphinx docs outputs/site``."""

import importlib
import pkgutil
import re
import sys
from pathlib import Path

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
myst_enable_extensions = ['dollarmath', 'colon_fence']

# what a package offers of its modules is shown where it is written
autodoc_default_options = {'members': True, 'ignore-module-all': True, 'show-inheritance': True}
autodoc_member_order = 'bysource'
autodoc_typehints_format = 'short'
napoleon_google_docstring = True
# a type in a signature is no link: what torch or numpy call theirs is not looked up in a network
nitpick_ignore_regex = [('py:.*', '.*')]

# the pages of the API: title, and the modules whose docstrings it shows
API = {
    'apis': 'What a program calls',
    'core': 'Boxes, anchors, patches, scores, pictures',
    'datasets': 'Datasets and pipelines',
    'engine': 'Training and testing',
    'models': 'Detectors and their parts',
    'ops': 'Operations',
    'utils': 'Files, logs, seeds, errors',
}


def modules_of(package: str) -> list[str]:
    """Name of ``package`` and of every module in it, but those whose name says they are inner ones."""
    module = importlib.import_module(package)
    inner = [item.name for item in pkgutil.walk_packages(module.__path__, f'{package}.')]
    return [package, *sorted(name for name in inner if '._' not in name)]


def write_api_pages(_app: object) -> None:
    """One page a package, written anew from the modules that are there."""
    folder = DOCS / 'api'
    folder.mkdir(exist_ok=True)
    names = '\n   '.join(API)
    pages = {'index': f'API\n===\n\n.. toctree::\n   :maxdepth: 1\n\n   {names}\n'}
    for name, title in API.items():
        parts = [f'mmrotate.{name}\n{"=" * 40}\n\n{title}.\n']
        for module in modules_of(f'mmrotate.{name}'):
            parts.append(f'{module}\n{"-" * len(module)}\n\n.. automodule:: {module}\n')
        pages[name] = '\n'.join(parts)
    for name, text in pages.items():
        page = folder / f'{name}.rst'
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
