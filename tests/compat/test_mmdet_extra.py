"""Models of MMDetection itself in rotated detectors; .ci/mmdet_extra.sh runs these tests where it is installed."""

import importlib

import pytest
import torch

from mmrotate import compat, ops
from mmrotate.compat.standins import is_installed
from mmrotate.registry import MODELS, ConfigError

if not is_installed('mmdet'):
    pytest.skip('mmdet is not installed: .ci/mmdet_extra.sh runs these tests where it is', allow_module_level=True)

from benchmarks import mmdet_extra

PARTS = [(kind, name) for kind in mmdet_extra.KINDS for name in mmdet_extra.registered(kind)]
NAMED = 'Res2Net HRNet ResNeSt RegNet PyramidVisionTransformerV2 DyHead NASFCOS_FPN SeesawLoss'.split()


@pytest.fixture(scope='module', autouse=True)
def installed():
    compat.install()


@pytest.mark.parametrize('kind, name', PARTS)
def test_it_trains_and_tests(kind, name):
    works, text = mmdet_extra.attempt(kind, name)
    assert works or name in mmdet_extra.REASONS, text


def test_all_are_tried():
    names = {name for _, name in PARTS}
    assert names >= set(NAMED) and len(PARTS) > 60
    assert not set(mmdet_extra.REASONS) & set(NAMED)


@pytest.mark.parametrize('name', NAMED)
def test_a_name_is_that_of_mmdetection(name):
    assert MODELS.get(f'mmdet.{name}').__module__.startswith('mmdet.models.')


def test_a_name_of_ours_stays_ours():
    assert MODELS.get('mmdet.ResNet') is MODELS.get('ResNet')


def test_an_unknown_name():
    with pytest.raises(ConfigError, match='NothingLikeIt'):
        MODELS.build(dict(type='mmdet.NothingLikeIt'))


def test_deformable_convolution_is_ours():
    theirs = importlib.import_module('mmcv.ops')
    layer = theirs.DeformConv2d(4, 6, 3, padding=1)
    x = torch.randn(2, 4, 8, 8, requires_grad=True)
    offset = torch.randn(2, 18, 8, 8, requires_grad=True)
    leaves = (x, offset, layer.weight)
    out, expected = layer(x, offset), ops.deform_conv2d(x, offset, layer.weight, padding=1)
    assert torch.equal(out, expected)
    grad = torch.randn_like(out)
    pairs = zip(torch.autograd.grad(out, leaves, grad), torch.autograd.grad(expected, leaves, grad), strict=True)
    assert all(torch.allclose(one, other, atol=1e-5) for one, other in pairs)


def test_the_versions_are_those_of_the_libraries():
    assert importlib.import_module('mmdet').__version__ == '3.3.0'
    assert importlib.import_module('mmcv').__version__ == '2.1.0'


def test_what_they_dropped_is_answered():
    assert importlib.import_module('mmcv.runner').HOOKS is importlib.import_module('mmrotate.registry').HOOKS
