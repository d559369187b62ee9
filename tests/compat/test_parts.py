"""Layers of e2cnn under the names of 0.3, and other small parts."""

import e2cnn.nn as enn
import numpy as np
import pytest
import torch
from mmrotate.core.evaluation.eval_map import get_cls_results, tpfp_default
from mmrotate.models.backbones.re_resnet import BasicBlock, Bottleneck, ResLayer, get_expansion
from mmrotate.models.utils import (
    build_enn_feature,
    build_enn_norm_layer,
    build_enn_trivial_feature,
    ennAvgPool,
    ennConv,
    ennInterpolate,
    ennMaxPool,
    ennReLU,
    ennTrivialConv,
)

from mmrotate.core.evaluation import eval_rbbox_map
from mmrotate.core.visualization.image import draw_rbboxes
from mmrotate.models.equivariant import EquivariantConv2d


def test_layers_of_fields():

    image = enn.GeometricTensor(torch.randn(1, 3, 9, 9), build_enn_trivial_feature(3))
    maps = ennTrivialConv(3, 16, padding=1)(image)
    assert maps.tensor.shape == (1, 16, 9, 9)
    assert maps.type == build_enn_feature(2)
    name, norm = build_enn_norm_layer(16, 2)
    assert name == 'bn2'
    for layer, side in (
        (ennConv(16, 16, padding=1), 9),
        (norm, 9),
        (ennReLU(16), 9),
        (ennAvgPool(16, 3, 3), 3),
        (ennMaxPool(16, 3, 2, 1), 5),
        (ennInterpolate(16, 2), 18),
    ):
        assert layer(maps).tensor.shape == (1, 16, side, side)


def test_a_convolution_has_the_state_of_ours():
    theirs, ours = ennConv(16, 8).eval(), EquivariantConv2d(16, 8, 3, bias=False).eval()
    assert theirs.state_dict().keys() == ours.state_dict().keys()


def test_positives_of_an_image_are_those_of_the_mean_average_precision():
    rng = np.random.RandomState(0)
    objects = np.concatenate([rng.rand(6, 2) * 90, np.full((6, 2), 12.0), rng.rand(6, 1)], 1)
    dets = np.concatenate([np.repeat(objects, 2, 0) + rng.randn(12, 5), rng.rand(12, 1)], 1)
    annotation = dict(bboxes=objects, labels=np.array([0, 0, 0, 0, 1, 1]))
    ignore = dict(bboxes_ignore=objects[:1] + 200, labels_ignore=np.zeros(1, int))
    found, gts, ignored = get_cls_results([[dets, dets[:0]]], [annotation | ignore], 0)
    assert (len(found[0]), len(gts[0]), len(ignored[0])) == (12, 4, 1)
    true, false = tpfp_default(found[0], gts[0], ignored[0], 0.4)
    assert true.shape == false.shape == (1, 12)
    _, results = eval_rbbox_map([[dets, dets[:0]]], [annotation | ignore], iou_thr=0.4, logger='silent')
    assert true.sum() / 4 == pytest.approx(results[0]['recall'][-1])
    assert not (true * false).any()
    small, large = tpfp_default(found[0], gts[0], area_ranges=[(0, 1), (1, 1e5)])[0]
    assert small.sum() == 0 < large.sum()


class Axes:
    def __init__(self):
        self.lines = []

    def plot(self, xs, ys, **kwargs):
        self.lines.append((np.round(xs, 3).tolist(), np.round(ys, 3).tolist(), kwargs))


def test_outlines_in_axes():
    axes = Axes()
    assert draw_rbboxes(axes, np.array([[5.0, 5, 4, 2, 0]]), color='r') is axes
    xs, ys, options = axes.lines[0]
    assert (xs, ys) == ([3, 7, 7, 3, 3], [4, 4, 6, 6, 4])
    assert options == dict(color='r', alpha=0.8, linewidth=2)


def test_expansion_of_a_block():
    assert get_expansion(Bottleneck) == 4
    assert get_expansion(Bottleneck, 2) == 2
    with pytest.raises(TypeError, match='whole number'):
        get_expansion(object)


def test_a_stage_of_reresnet_turns_with_its_maps():
    stage = ResLayer(BasicBlock, 2, 8, 16, stride=2, norm_cfg=dict(type='BN')).double().eval()
    maps = torch.randn(1, 8, 33, 33, dtype=torch.double)

    def turned(x):
        return x.rot90(1, (2, 3)).unflatten(1, (-1, 8)).roll(2, 2).flatten(1, 2)

    torch.testing.assert_close(stage(turned(maps)), turned(stage(maps)))
    assert len(stage) == 2
    with pytest.raises(TypeError, match='expansion=1'):
        ResLayer(BasicBlock, 2, 8, 16, expansion=2)
