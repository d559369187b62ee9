"""Coders of angles, touching points and distances."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmrotate.core import build_bbox_coder, obb2xyxy
from mmrotate.core.bbox.angle import angle_version, regularize
from tests.helpers.exact import exact_overlap
from tests.helpers.golden import VERSIONS, random_boxes, tensor
from tests.helpers.reference import overwritten_labels

WINDOWS = ('gaussian', 'triangle', 'rect', 'pulse')


def _regular(boxes, version):
    w, h, theta = regularize(*boxes[:, 2:].T, version)
    return torch.stack([boxes[:, 0], boxes[:, 1], w, h, theta], 1)


def _csl(version, **kwargs):
    return build_bbox_coder(dict(type='CSLCoder', angle_version=version, **kwargs))


@pytest.mark.parametrize('version', VERSIONS)
@pytest.mark.parametrize('window', WINDOWS)
def test_labels_of_the_reference(version, window):
    coder = _csl(version, omega=4, window=window, radius=6)
    name = f'csl_{version}_{window}'
    expected, angles = tensor(f'{name}/enc'), tensor(f'{name}/angle')
    if window != 'gaussian':  # see below
        torch.testing.assert_close(coder.encode(angles), expected)
    torch.testing.assert_close(coder.decode(expected), tensor(f'{name}/dec'))


@pytest.mark.parametrize('version', VERSIONS)
def test_gaussian_labels_have_their_peak(version):
    """Those of the reference have none: see ``overwritten_labels``."""
    coder = _csl(version, omega=4, radius=6)
    angles = tensor(f'csl_{version}_gaussian/angle')
    labels, start = coder.encode(angles), angle_version(version).start
    right = ((angles[:, 0] - start) * 180 / math.pi / 4).long() % coder.coding_len
    assert labels.argmax(1).tolist() == right.tolist()
    assert labels.amax(1).tolist() == [1] * 30
    theirs = overwritten_labels(coder, angles)
    torch.testing.assert_close(theirs, tensor(f'csl_{version}_gaussian/enc'))
    assert theirs.max() < 1e-3
    # with a class for each degree nothing is overwritten
    fine = _csl(version, omega=1, radius=6)
    torch.testing.assert_close(fine.encode(angles), overwritten_labels(fine, angles))


@pytest.mark.parametrize('window', WINDOWS)
@given(angle=st.floats(0, 0.999), omega=st.sampled_from([1, 2, 5, 0.5]), radius=st.floats(0.5, 10))
def test_labels_go_around_the_circle(window, angle, omega, radius):
    coder = _csl('le90', omega=omega, window=window, radius=radius)
    assert coder.coding_len == 180 / omega
    theta = torch.tensor([[angle * math.pi - math.pi / 2]])
    label = coder.encode(theta)[0]
    assert ((label >= 0) & (label <= 1)).all()
    if window != 'rect':  # that one has no middle
        around = label.roll(-int(label.argmax()))
        assert around[0] == 1
        torch.testing.assert_close(around[1:], around[1:].flip(0))
        back = float(coder.decode(label[None]))
        half_turns = (back - float(theta)) / math.pi
        assert abs(half_turns - round(half_turns)) * 180 <= omega / 2 + 1e-3


def test_settings_of_labels_are_checked():
    with pytest.raises(ValueError, match="got 'hann'"):
        _csl('le90', window='hann')
    with pytest.raises(ValueError, match='le91'):
        _csl('le91')
    for wrong in (dict(omega=0), dict(omega=91), dict(radius=0)):
        with pytest.raises(ValueError, match=r'in \(0, 90\] degrees'):
            _csl('oc', **wrong)


@pytest.mark.parametrize('version', VERSIONS)
def test_gliding_vertices_of_the_reference(version):
    coder = build_bbox_coder(dict(type='GVFixCoder', angle_range=version))
    gt, enc, dec = (tensor(f'coder_gvfix_{version}/{key}') for key in ('gt', 'enc', 'dec'))
    torch.testing.assert_close(coder.encode(gt), enc, atol=1e-5, rtol=0)
    prior = tensor(f'coder_midpoint_{version}/prior')
    torch.testing.assert_close(coder.decode(prior, enc), dec, atol=1e-4, rtol=1e-5)
    ratio = build_bbox_coder(dict(type='GVRatioCoder', angle_range=version))
    gt, enc = (tensor(f'coder_gvratio_{version}/{key}') for key in ('gt', 'enc'))
    torch.testing.assert_close(ratio.encode(gt), enc, atol=1e-4, rtol=0)


@pytest.mark.parametrize('version', VERSIONS)
def test_gliding_vertices_round_trip(version):
    coder = build_bbox_coder(dict(type='GVFixCoder', angle_range=version))
    gt = _regular(random_boxes(60), version)
    gt[:9, 4] = torch.tensor([0, math.pi / 2, 1e-7, math.pi / 2 - 1e-7, 1e-5, 1e-3, 0.1, 1, 1.5])
    gt[:9, :2] += 3000
    hbb = obb2xyxy(gt, version)
    back = coder.decode(hbb, coder.encode(gt))
    overlaps = [exact_overlap(a, b) for a, b in zip(gt.numpy(), back.numpy(), strict=True)]
    # coordinates of 3,000 px have a rounding of 1e-4 px
    assert min(overlaps) > 0.999
    several = coder.decode(hbb.repeat(1, 3), coder.encode(gt).repeat(1, 3))
    torch.testing.assert_close(several, back.repeat(1, 3))
    assert coder.encode(gt[:0]).shape == (0, 4)
    assert coder.decode(hbb[:0], torch.zeros(0, 4)).shape == (0, 5)


def test_ratios():
    coder = build_bbox_coder(dict(type='GVRatioCoder', angle_range='le90'))
    boxes = torch.tensor([[50.0, 50, 20, 10, 0], [50, 50, 20, 20, math.pi / 4]])
    torch.testing.assert_close(coder.encode(boxes), torch.tensor([[1.0], [0.5]]))
    flat = torch.tensor([[5.0, 5, 0, 0, 0], [5, 5, 10, 1e-3, 0.3]])
    assert coder.encode(flat).isfinite().all()
    with pytest.raises(NotImplementedError, match='GVFixCoder'):
        coder.decode(boxes, boxes)


@pytest.mark.parametrize('version', VERSIONS)
def test_distances_to_sides(version):
    coder = build_bbox_coder(dict(type='DistanceAnglePointCoder', angle_version=version))
    gt = _regular(random_boxes(50), version)
    points = gt[:, :2] + torch.rand(50, 2) * 100 - 50
    enc = coder.encode(points, gt)
    # turned about the point until the box is upright
    offset = (gt[:, 0] - points[:, 0]) + 1j * (gt[:, 1] - points[:, 1])
    turned = offset * torch.exp(-1j * gt[:, 4])
    torch.testing.assert_close(enc[:, 0], gt[:, 2] / 2 - turned.real, atol=1e-4, rtol=0)
    torch.testing.assert_close(enc[:, 3], gt[:, 3] / 2 + turned.imag, atol=1e-4, rtol=0)
    back = coder.decode(points, enc).numpy()
    overlaps = [exact_overlap(a, b) for a, b in zip(gt.numpy(), back, strict=True)]
    assert min(overlaps) == pytest.approx(1, abs=1e-4)
    limited = coder.encode(points, gt, max_dis=16, eps=0.5)
    torch.testing.assert_close(limited[:, :4], enc[:, :4].clamp(0, 15.5))
    assert limited[:, 4].equal(gt[:, 4])


@pytest.mark.parametrize('version', VERSIONS)
def test_distances_are_those_of_1_x(version):
    coder = build_bbox_coder(dict(type='DistanceAnglePointCoder', angle_version=version))
    keys = ('points', 'gt', 'enc', 'enc_max40', 'dist', 'dec')
    name = f'distance_angle_point_{version}'
    points, gt, enc, limited, distances, dec = (tensor(f'{name}/{key}', 'newer/ops.npz') for key in keys)
    torch.testing.assert_close(coder.encode(points, gt), enc, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(coder.encode(points, gt, max_dis=40, eps=0.1), limited, rtol=1e-5, atol=1e-5)
    back = tensor(f'{name}/dec_enc', 'newer/ops.npz')
    for code, expected in ((distances, dec), (enc, back)):
        found = coder.decode(points, code)
        torch.testing.assert_close(found[:, :4], expected[:, :4], rtol=1e-5, atol=1e-4)
        assert ((found - expected)[:, 4] / math.pi).round(decimals=4).frac().abs().max() == 0


def test_distances_to_upright_sides():
    coder = build_bbox_coder(dict(type='DistancePointBBoxCoder'))
    points, gt = torch.tensor([[10.0, 20.0]]), torch.tensor([[4.0, 5, 40, 60]])
    enc = coder.encode(points, gt)
    torch.testing.assert_close(enc, torch.tensor([[6.0, 15, 30, 40]]))
    torch.testing.assert_close(coder.decode(points, enc), gt)
    assert coder.encode(points, gt, max_dis=16).tolist() == [[6, 15, *[pytest.approx(15.9)] * 2]]
    clipped = coder.decode(points, enc * 10, max_shape=(50, 30))
    assert clipped.tolist() == [[0, 0, 30, 50]]
    free = build_bbox_coder(dict(type='DistancePointBBoxCoder', clip_border=False))
    assert free.decode(points, enc * 10, max_shape=(50, 30)).tolist() == [[-50, -130, 310, 420]]


@pytest.mark.parametrize('kind', ['DistanceAnglePointCoder', 'DistancePointBBoxCoder'])
def test_points_without_boxes(kind):
    coder = build_bbox_coder(dict(type=kind))
    size = 5 if kind == 'DistanceAnglePointCoder' else 4
    none = torch.zeros(0, size)
    assert coder.encode(torch.zeros(0, 2), none).shape == (0, size)
    assert coder.decode(torch.zeros(0, 2), none).shape == (0, size)
    with pytest.raises(ValueError, match='got 1, 2'):
        coder.encode(torch.zeros(1, 2), torch.zeros(2, size))
    half = coder.decode(torch.ones(1, 2).half(), none.new_zeros(1, size).half())
    assert half.dtype == torch.float32
