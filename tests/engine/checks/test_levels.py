"""Strides against maps."""

from types import SimpleNamespace

from torch import nn

from mmrotate.core.anchor import build_prior_generator
from mmrotate.engine.checks import levels_against_maps


def detector(strides, num_inputs, **maker):
    model = nn.Module()
    for name in ('bbox_head', 'extractor'):
        setattr(model, name, nn.Module())
    model.bbox_head.prior_generator = build_prior_generator(
        dict(type='AnchorGenerator', strides=strides, ratios=[1.0], scales=[8])
    )
    model.extractor.num_inputs, model.extractor.featmap_strides = num_inputs, [4] * num_inputs
    model.__dict__.update({name: SimpleNamespace(**part) if part else None for name, part in maker.items()})
    return model


def test_one_stride_for_each_map():
    assert list(levels_against_maps(detector([8, 16, 32], 2, neck=dict(num_outs=3)))) == []
    (finding,) = levels_against_maps(detector([8, 16, 32, 64], 2, neck=dict(num_outs=3)))
    assert 'model.bbox_head has 4 strides [8, 16, 32, 64]' in finding.text
    assert 'model.neck (num_outs) gives 3 maps' in finding.text


def test_an_extractor_takes_no_more_maps_than_there_are():
    (finding,) = levels_against_maps(detector([8, 16, 32], 4, neck=dict(num_outs=3)))
    assert 'model.extractor has 4 strides' in finding.text


def test_without_a_neck_the_backbone_says_how_many_maps():
    (finding,) = levels_against_maps(detector([8, 16, 32], 2, neck=None, backbone=dict(out_indices=(2, 3))))
    assert 'model.backbone (out_indices) gives 2 maps' in finding.text
    assert list(levels_against_maps(detector([8, 16, 32], 2, neck=dict(mine=1)))) == []
