import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmrotate.core.evaluation.eval_map import eval_rbbox_map as former_map
from mmrotate.models.dense_heads.rotated_retina_head import RotatedRetinaHead as FormerHead

import mmrotate
from mmrotate.compat import importing
from mmrotate.compat.paths import PLACES
from mmrotate.core.bbox.transforms import poly2obb, poly2obb_le135
from mmrotate.core.evaluation import eval_rbbox_map
from mmrotate.models.dense_heads import KFIoURRetinaHead, RotatedRetinaHead

NAMES = json.loads((Path(__file__).parents[1] / 'data/contract/imports.json').read_text())


@pytest.mark.parametrize('path', [path for path in PLACES if path])
def test_every_path_of_the_table_imports(path):
    module = importlib.import_module(f'mmrotate.{path}')
    for name in NAMES.get(f'mmrotate.{path}', ()):
        if getattr(module, name, None) is None:
            continue
        assert getattr(module, name).__class__.__name__ != 'module'


def test_a_former_module_has_the_classes_of_today():

    assert FormerHead is RotatedRetinaHead
    assert mmrotate.ATSSKldAssigner is mmrotate.core.bbox.ATSSKldAssigner
    assert mmrotate.models.RotatedRetinaNet is mmrotate.models.detectors.RotatedRetinaNet


def test_a_class_may_be_another_one_today():

    assert KFIoURRetinaHead is RotatedRetinaHead


def test_versions_in_the_names_of_conversions():

    polys = torch.tensor([[0.0, 0, 10, 0, 10, 4, 0, 4]])
    assert torch.equal(poly2obb_le135(polys), poly2obb(polys, 'le135'))
    assert poly2obb_le135.__name__ == 'poly2obb_le135'


def test_a_module_inside_of_one_that_is_no_package_today():

    assert former_map is eval_rbbox_map


def test_an_unknown_name_is_an_error():
    with pytest.raises(ImportError, match='nothing_like_it'):
        exec('from mmrotate.models.dense_heads.rotated_retina_head import nothing_like_it')
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module('mmrotate.models.nothing_like_it')
    assert not hasattr(mmrotate, '__nothing_like_it__')


def test_the_finder_is_there_once():
    importing.install()
    assert sum(isinstance(finder, importing._Finder) for finder in sys.meta_path) == 1


def test_names_can_be_listed():
    assert 'RotatedRetinaHead' in dir(importlib.import_module('mmrotate.models.dense_heads.rotated_retina_head'))


def test_any_of_them_first():
    code = 'from mmrotate.core.bbox.coder.angle_coder import CSLCoder; print(CSLCoder.__module__)'
    run = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == 'mmrotate.core.bbox.coders.csl'
