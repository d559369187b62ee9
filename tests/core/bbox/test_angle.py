"""Ranges and edge rules of the angle versions."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmrotate.core.bbox.angle import VERSIONS, norm_angle, regularize
from tests.helpers.exact import exact_overlap
from tests.helpers.golden import VERSIONS as NAMES
from tests.helpers.golden import array, tensor

ANGLES = st.floats(-20, 20)
SIDES = st.floats(0.5, 500)


@pytest.mark.parametrize('version', NAMES)
def test_norm_angle_is_the_references(version):
    got = norm_angle(tensor(f'norm_angle_{version}/angle'), version)
    np.testing.assert_allclose(got, array(f'norm_angle_{version}/out'), atol=1e-6)


@pytest.mark.parametrize('version', ['le90', 'le135'])
@given(angle=ANGLES)
def test_norm_angle_lands_in_the_range_and_stays(version, angle):
    once = float(norm_angle(np.float64(angle), version))
    start = VERSIONS[version].start
    assert start - 1e-9 <= once <= start + math.pi + 1e-9
    assert math.sin(2 * (once - angle)) == pytest.approx(0, abs=1e-9)
    assert float(norm_angle(np.float64(once), version)) == pytest.approx(once, abs=1e-9)


@pytest.mark.parametrize('version', NAMES)
@given(w=SIDES, h=SIDES, theta=ANGLES)
def test_regularize_keeps_the_rectangle(version, w, h, theta):
    got = [float(v) for v in regularize(*map(np.float64, (w, h, theta)), version)]
    rule = VERSIONS[version]
    assert rule.start - 1e-9 <= got[2] <= rule.start + rule.span + 1e-9
    assert not rule.long_edge or got[0] >= got[1]
    overlap = exact_overlap(np.array([0, 0, w, h, theta]), np.array([0, 0, *got]))
    assert overlap == pytest.approx(1, abs=1e-6)


def test_axis_aligned_boxes_under_oc_have_a_right_angle():
    for theta in (0.0, math.pi / 2, -math.pi / 2, math.pi):
        w, h, angle = regularize(*torch.tensor([[4.0], [2.0], [theta]]), 'oc')
        assert angle.item() == pytest.approx(math.pi / 2, abs=1e-6)
        assert {w.item(), h.item()} == {4.0, 2.0}


def test_an_unknown_version_lists_the_known():
    with pytest.raises(ValueError, match=r"\['oc', 'le90', 'le135', 'r360'\], got 'le180'"):
        norm_angle(0.0, 'le180')


@pytest.mark.parametrize('version', NAMES)
def test_ends_of_the_range_in_single_precision(version):
    rule = VERSIONS[version]
    theta = rule.start + torch.tensor([0.0, 1.0]) * rule.span
    w, h, angle = regularize(torch.full((2,), 30.0), torch.full((2,), 10.0), theta, version)
    assert (angle >= rule.start - 1e-6).all() and (angle <= rule.start + rule.span + 1e-6).all()
    for end, *got in torch.stack([theta, w, h, angle], 1).tolist():
        before, after = np.array([0, 0, 30, 10, end]), np.array([0, 0, *got])
        assert exact_overlap(before, after) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize('version', NAMES)
def test_no_angles(version):
    none = torch.zeros(0)
    assert norm_angle(none, version).shape == (0,)
    assert [part.shape for part in regularize(none, none, none, version)] == [(0,)] * 3
