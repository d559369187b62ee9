"""Packages that import their names on demand."""

import importlib
import subprocess
import sys

import pytest

import mmrotate.core.bbox
from mmrotate.utils.lazy import everything

PACKAGE = """
from typing import TYPE_CHECKING

from mmrotate.utils.lazy import lazily

if TYPE_CHECKING:
    from . import heavy
    from .broken import part
    from .heavy import weigh as measure
    from .light import light

lazily(__name__)
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    (tmp_path / 'on_demand').mkdir()
    for name, text in (
        ('__init__', PACKAGE),
        ('heavy', 'def weigh(): return 7'),
        ('light', 'def light(): return 1'),
        ('third', 'value = 3'),
        ('broken', 'import math\npart = math.nothing'),
    ):
        (tmp_path / f'on_demand/{name}.py').write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield 'on_demand'
    for name in [name for name in sys.modules if name.partition('.')[0] == 'on_demand']:
        del sys.modules[name]


def test_names_are_imported_when_they_are_asked_for(package):
    from on_demand import light  # noqa: PLC0415

    assert light() == 1 and 'on_demand.heavy' not in sys.modules
    from on_demand import measure, third  # noqa: PLC0415

    assert (measure(), third.value) == (7, 3)
    module = sys.modules[package]
    assert module.__all__ == ['heavy', 'light', 'measure', 'part'] and set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError, match='no attribute'):
        _ = module.nothing


def test_a_name_is_never_the_module_of_the_same_name(package):
    import on_demand.light  # noqa: PLC0415

    assert on_demand.light() == 1


@pytest.mark.parametrize('name', ['part', 'broken'])
def test_an_error_within_a_module_is_no_missing_name(package, name):
    with pytest.raises(ImportError, match=r"on_demand\.broken cannot be imported: module 'math' has no attribute"):
        getattr(importlib.import_module(package), name)


def test_all_can_be_imported_at_once(package, tmp_path):
    (tmp_path / 'on_demand/broken.py').write_text('part = 1')
    everything(package)
    assert 'on_demand.heavy' in sys.modules


def test_parts_without_pytorch_load_none():
    code = 'import sys, mmrotate.core.patch, mmrotate.core.visualization, mmrotate.apis.products, mmrotate.cli.basics\n'
    code += 'from mmrotate.core import obb2xyxy\nfrom mmrotate.utils import get_root_logger\nget_root_logger()\n'
    code += 'print([name for name in ("torch", "mmengine") if name in sys.modules])'
    run = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == '[]'
    assert callable(mmrotate.core.bbox.norm_angle)
