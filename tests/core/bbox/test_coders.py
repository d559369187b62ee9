"""Box coders."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.models.detection._utils import BoxCoder

from mmrotate.core import build_bbox_coder, obb2xyxy
from mmrotate.core.bbox.angle import regularize
from mmrotate.core.bbox.coders import DeltaXYWHAHBBoxCoder, DeltaXYWHAOBBoxCoder
from tests.helpers.exact import exact_overlap
from tests.helpers.golden import VERSIONS, random_boxes, tensor

STDS = (0.1, 0.1, 0.2, 0.2, 0.1)


def _check(coder, name, **kwargs):
    prior, gt, enc = (tensor(f'{name}/{key}') for key in ('prior', 'gt', 'enc'))
    torch.testing.assert_close(coder.encode(prior, gt), enc, atol=1e-4, rtol=1e-5)
    dec = tensor(f'{name}/dec')
    torch.testing.assert_close(coder.decode(prior, enc), dec, atol=1e-4, rtol=1e-5)
    if kwargs:
        dec2 = tensor(f'{name}/dec2')
        got = coder.decode(prior, enc * 1.7 + 0.3, **kwargs)
        torch.testing.assert_close(got, dec2, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize('version', VERSIONS)
@pytest.mark.parametrize(('edge_swap', 'proj_xy', 'norm_factor'), [(0, 0, None), (1, 1, None), (1, 0, 2)])
def test_rotated_priors(version, edge_swap, proj_xy, norm_factor):
    coder = build_bbox_coder(
        dict(
            type='DeltaXYWHAOBBoxCoder',
            angle_range=version,
            target_stds=STDS,
            edge_swap=bool(edge_swap),
            proj_xy=bool(proj_xy),
            norm_factor=norm_factor,
        )
    )
    name = f'coder_obb_{version}_{edge_swap}{proj_xy}{norm_factor}'
    _check(coder, name, max_shape=(180, 190))


@pytest.mark.parametrize('version', VERSIONS)
@pytest.mark.parametrize(('edge_swap', 'norm_factor'), [(0, None), (1, 2)])
def test_horizontal_priors(version, edge_swap, norm_factor):
    coder = build_bbox_coder(
        dict(
            type='DeltaXYWHAHBBoxCoder',
            angle_range=version,
            target_stds=STDS,
            edge_swap=bool(edge_swap),
            norm_factor=norm_factor,
        )
    )
    _check(coder, f'coder_hbb_{version}_{edge_swap}{norm_factor}')


@pytest.mark.parametrize('version', VERSIONS)
def test_midpoint_offsets(version):
    coder = build_bbox_coder(dict(type='MidpointOffsetCoder', angle_range=version, target_stds=(1, 1, 1, 1, 0.5, 0.5)))
    _check(coder, f'coder_midpoint_{version}')


def _regular(boxes, version):
    w, h, theta = regularize(*boxes[:, 2:].T, version)
    return torch.stack([boxes[:, 0], boxes[:, 1], w, h, theta], 1)


@pytest.mark.parametrize('version', VERSIONS)
@pytest.mark.parametrize('kind', ['DeltaXYWHAOBBoxCoder', 'DeltaXYWHAHBBoxCoder'])
@given(
    seed=st.integers(0, 10_000),
    edge_swap=st.booleans(),
    proj_xy=st.booleans(),
    norm_factor=st.sampled_from([None, 2, 0.5]),
)
def test_decoding_inverts_encoding(version, kind, seed, edge_swap, proj_xy, norm_factor):
    cfg = dict(type=kind, angle_range=version, target_means=(0.1,) * 5, target_stds=STDS)
    cfg |= dict(edge_swap=edge_swap, norm_factor=norm_factor)
    if kind == 'DeltaXYWHAOBBoxCoder':
        cfg['proj_xy'] = proj_xy
    coder = build_bbox_coder(cfg)
    prior, gt = (_regular(random_boxes(1, seed + i), version) for i in (0, 1))
    if kind == 'DeltaXYWHAHBBoxCoder':
        prior = obb2xyxy(prior, version)
    back = coder.decode(prior, coder.encode(prior, gt))
    for a, b in zip(gt.numpy(), back.numpy(), strict=True):
        assert exact_overlap(a, b) == pytest.approx(1, abs=1e-4)
    if version != 'oc':
        start = -math.pi / 2 if version == 'le90' else -math.pi / 4
        assert ((back[:, 4] >= start - 1e-5) & (back[:, 4] <= start + math.pi + 1e-5)).all()


@pytest.mark.parametrize('version', VERSIONS)
def test_midpoint_round_trip(version):
    coder = build_bbox_coder(dict(type='MidpointOffsetCoder', angle_range=version))
    gt = _regular(random_boxes(50), version)
    prior = obb2xyxy(_regular(random_boxes(50, 3), version), version)
    back = coder.decode(prior, coder.encode(prior, gt))
    overlaps = [exact_overlap(a, b) for a, b in zip(gt.numpy(), back.numpy(), strict=True)]
    # exact but where an edge lies within 0.1 px of a side of the circumscribed box
    assert np.median(overlaps) == pytest.approx(1, abs=1e-4)
    assert min(overlaps) > 0.8


def test_upright_boxes_are_torchvisions():
    coder = build_bbox_coder(dict(type='DeltaXYWHBBoxCoder', target_stds=(0.5, 0.5, 0.25, 0.25)))
    peer = BoxCoder((2.0, 2.0, 4.0, 4.0))
    prior, gt = (obb2xyxy(random_boxes(20, seed)) for seed in (1, 2))
    deltas = peer.encode_single(gt, prior)
    torch.testing.assert_close(coder.encode(prior, gt), deltas, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(coder.decode(prior, deltas), gt, atol=1e-2, rtol=1e-4)
    clipped = coder.decode(prior, deltas, max_shape=(60, 90))
    torch.testing.assert_close(clipped[:, 0::2], gt[:, 0::2].clamp(0, 90), atol=1e-2, rtol=1e-4)


@pytest.mark.parametrize(
    ('kind', 'size', 'width'),
    [
        ('DeltaXYWHAOBBoxCoder', 5, 5),
        ('DeltaXYWHAHBBoxCoder', 4, 5),
        ('DeltaXYWHBBoxCoder', 4, 4),
        ('MidpointOffsetCoder', 4, 6),
    ],
)
def test_edge_cases(kind, size, width):
    coder = build_bbox_coder(dict(type=kind))
    out = 4 if width == 4 else 5
    assert coder.encode_size == width
    gt = torch.zeros(0, out)
    assert coder.encode(torch.zeros(0, size), gt).shape == (0, width)
    assert coder.decode(torch.zeros(0, size), torch.zeros(0, width)).shape == (0, out)
    prior = torch.tensor([[10.0, 10, 30, 20, 0.1][:size]])
    wild = coder.decode(prior, torch.full((1, width), 1e4))
    assert wild.isfinite().all()
    several = coder.decode(prior, torch.zeros(1, 3 * width))
    assert several.shape == (1, 3 * out)
    assert coder.decode(prior.half(), torch.zeros(1, width).half()).dtype == torch.float32
    with pytest.raises(ValueError, match='got 1, 2'):
        coder.decode(prior, torch.zeros(2, width))


def test_settings_are_checked():
    with pytest.raises(ValueError, match='got 5 and 4'):
        build_bbox_coder(dict(type='DeltaXYWHAOBBoxCoder', target_stds=(1, 1, 1, 1)))
    with pytest.raises(ValueError, match='le91'):
        build_bbox_coder(dict(type='MidpointOffsetCoder', angle_range='le91'))


def test_centre_clamp():
    coder = build_bbox_coder(dict(type='DeltaXYWHAOBBoxCoder', add_ctr_clamp=True, ctr_clamp=5))
    prior = torch.tensor([[50.0, 50, 20, 10, 0.0]])
    got = coder.decode(prior, torch.tensor([[9.0, -9, 0, 0, math.pi / 8]]))
    np.testing.assert_allclose(got[0, :4], [55, 45, 20, 10], atol=1e-4)


def test_centre_clamp_of_upright_boxes():
    coder = build_bbox_coder(dict(type='DeltaXYWHBBoxCoder', add_ctr_clamp=True, ctr_clamp=5))
    got = coder.decode(torch.tensor([[40.0, 45, 60, 55]]), torch.tensor([[9.0, -9, 0, 0]]))
    torch.testing.assert_close(got, torch.tensor([[45.0, 40, 65, 50]]))


@pytest.mark.parametrize('option', [{}, dict(clip_border=True), dict(clip_border=False)])
def test_border_of_horizontal_priors(option):
    """The reference has the option, on by default, and never clips: only who asks gets it."""
    coder, clip = build_bbox_coder(dict(type='DeltaXYWHAHBBoxCoder', **option)), option.get('clip_border')
    prior = torch.tensor([[40.0, 45, 60, 55]])
    got = coder.decode(prior, torch.tensor([[9.0, -9, 0, 0, 0.1]]), max_shape=(60, 90))
    assert got[0, :2].tolist() == ([89, 0] if clip else [230, -40])


@pytest.mark.parametrize('version', VERSIONS)
def test_gradient_of_boxes_that_collapse(version):
    """The reference's square roots give NaN, and its oc form no gradient at all."""
    coder = build_bbox_coder(dict(type='MidpointOffsetCoder', angle_range=version))
    # two corners fall together; a prior without size; an ordinary box
    prior = torch.tensor([[10.0, 10, 30, 20], [5, 5, 5, 5], [10, 10, 30, 20]])
    deltas = torch.zeros(3, 6)
    deltas[0, 4:] = torch.tensor([0.5, -0.5])
    deltas[2] = torch.tensor([0.1, 0.2, 0.1, -0.1, 0.2, 0.3])
    deltas.requires_grad_()
    boxes = coder.decode(prior, deltas)
    boxes.square().sum().backward()
    assert boxes.isfinite().all() and deltas.grad.isfinite().all()
    assert (deltas.grad[2] != 0).all()


def test_geometry_stays_in_float32_under_autocast():
    coder = build_bbox_coder(dict(type='MidpointOffsetCoder', angle_range='le90'))
    prior, deltas = obb2xyxy(random_boxes(9, 1)), 0.1 * torch.ones(9, 6)
    expected = coder.decode(prior, deltas)
    with torch.autocast('cpu', torch.bfloat16):
        torch.testing.assert_close(coder.decode(prior, deltas), expected)


def test_arguments_by_position_as_documented():
    five = ((0.0,) * 5, (1.0,) * 5)
    upright = DeltaXYWHAHBBoxCoder(*five, 'le90', None, False, True, True, 8)
    assert (upright.clip_border, upright.ctr_clamp, upright.proj_xy) == (True, 8, False)
    rotated = DeltaXYWHAOBBoxCoder(*five, 'le90', None, False, True, True, 8)
    assert (rotated.clip_border, rotated.ctr_clamp, rotated.proj_xy) == (True, 8, True)


@pytest.mark.parametrize('count', [1, 3])
@pytest.mark.parametrize(
    ('kind', 'width', 'size'),
    [
        ('DeltaXYWHAOBBoxCoder', 5, 5),
        ('DeltaXYWHAHBBoxCoder', 4, 5),
        ('MidpointOffsetCoder', 4, 6),
        ('GVFixCoder', 4, 4),
    ],
)
def test_batches_are_decoded_as_their_images_are(kind, width, size, count):
    coder = build_bbox_coder(dict(type=kind, angle_range='le90'))
    priors = random_boxes(8) if width == 5 else obb2xyxy(random_boxes(8))
    priors = priors.view(2, 4, width).repeat(1, 1, count if kind == 'GVFixCoder' else 1)
    deltas = torch.rand(2, 4, count * size)
    got = coder.decode(priors, deltas)
    assert got.shape == (2, 4, count * 5)
    assert torch.equal(got, torch.stack([coder.decode(*pair) for pair in zip(priors, deltas, strict=True)]))


def test_each_image_of_a_batch_has_its_border():
    coder = build_bbox_coder(dict(type='DeltaXYWHAOBBoxCoder', angle_range='le90'))
    boxes = torch.tensor([[[90.0, 90, 10, 10, 0]]] * 2)
    got = coder.decode(boxes, torch.zeros(2, 1, 5), max_shape=[(60, 50), (80, 70, 3)])
    assert got[:, 0, :2].tolist() == [[49, 59], [69, 79]]
    with pytest.raises(ValueError, match='as many priors'):
        coder.decode(boxes, torch.zeros(1, 1, 5))
