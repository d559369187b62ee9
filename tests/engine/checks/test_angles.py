"""Angle versions across model and data."""

from types import SimpleNamespace

import pytest
from torch import nn

from mmrotate.core.bbox import build_bbox_coder
from mmrotate.engine.checks import dataset_versions, versions_against
from mmrotate.engine.checks.angles import fronts_against
from mmrotate.models import build_detector
from tests.helpers import zoo


def detector(**coder):
    model = nn.Module()
    model.bbox_head = nn.Module()
    model.bbox_head.bbox_coder = build_bbox_coder(dict(type='DeltaXYWHAOBBoxCoder', **coder))
    return model


DATA = SimpleNamespace(version='le90')


def texts(model, config=None):
    return [text for text, _ in versions_against(model, config, DATA, 'data.train')]


def test_one_version_everywhere():
    config = dict(bbox_head=dict(version='le90', bbox_coder=dict(angle_range='le90')))
    assert texts(detector(angle_range='le90'), config) == []


def test_the_default_of_a_coder_counts():
    (text,) = texts(detector())
    assert "data.train is 'le90', but model.bbox_head.bbox_coder has 'oc'" in text


def test_what_a_config_says_counts_also_in_a_list():
    (text,) = texts(detector(angle_range='le90'), dict(roi_head=[dict(version='le135')]))
    assert "model.roi_head.0 has 'le135'" in text


def test_every_part_of_joined_data():
    joined = SimpleNamespace(datasets=[DATA, SimpleNamespace(version='oc')])
    repeated = SimpleNamespace(dataset=joined)
    assert dataset_versions(repeated, 'data.val') == {'data.val[0]': 'le90', 'data.val[1]': 'oc'}


@pytest.mark.parametrize(
    ('method', 'learns'),
    [
        ('heading_fcos', True),
        ('psc_fcos', True),
        ('r3det', True),
        ('rotated_fcos', False),  # overlaps have no front
        ('rotated_retinanet_hbb_gwd', False),  # nor have distributions
        ('o2_rtdetr', False),  # nor have boxes of half a turn
        ('rotated_reppoints', False),
    ],
)
def test_a_front_that_nothing_learns_is_named(method, learns):
    model = build_detector(zoo.tiny(method, zoo.HEADING))
    found = list(fronts_against(model, SimpleNamespace(version=zoo.HEADING), 'data.train'))
    assert ['the objects of data.train have a front (r360)' in text for text, _ in found] == [True] * (not learns)
    assert not list(fronts_against(model, DATA, 'data.train'))
