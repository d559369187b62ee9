import math

import pytest
import torch

from mmrotate.ops import RiRoIAlignRotated, riroi_align_rotated
from tests.helpers.roi_loop import plain_loop
from tests.ops.oracles import random_boxes
from tests.ops.test_roi_align_rotated import random_rois


def plain_mix(pooled, theta, orientations):
    """Features (C, h, w) of one region, each of which reads two orientations of its channel."""
    turn = theta * orientations / (2 * math.pi)
    first = math.floor(turn)
    out = torch.zeros_like(pooled)
    for channel in range(len(pooled)):
        group, orientation = divmod(channel, orientations)
        source = (orientation - first) % orientations
        near = pooled[group * orientations + source]
        far = pooled[group * orientations + (source + 1) % orientations]
        out[channel] = (first + 1 - turn) * near + (turn - first) * far
    return out


@pytest.mark.parametrize('clockwise', [False, True])
@pytest.mark.parametrize(('sampling', 'orientations'), [(0, 8), (2, 4)])
def test_it_is_the_plain_loop(backend, sampling, orientations, clockwise):
    maps = torch.rand(2, 8, 9, 10, dtype=torch.float64)
    rois = random_rois(6, maps, torch.float64, size=40.0, low=1.0, high=30.0)
    got = riroi_align_rotated(maps, rois, 2, 0.25, sampling, orientations, clockwise)
    for roi, found in zip(rois, got, strict=True):
        pooled = plain_loop(maps, roi, 2, 0.25, sampling, False, clockwise)
        torch.testing.assert_close(found, plain_mix(pooled, float(roi[5]), orientations))


def test_an_eighth_of_a_turn_shifts_the_orientations(backend):
    maps = torch.arange(16.0).view(1, 16, 1, 1).expand(1, 16, 9, 9)
    rois = torch.tensor([[0, 4, 4, 3, 3, k * math.pi / 4 + 1e-6] for k in (0, 1, -1, 9)])
    out = riroi_align_rotated(maps, rois, 1, 1.0, 1)[..., 0, 0]
    for row, shift in zip(out, (0, 1, -1, 1), strict=True):
        expected = torch.arange(16.0).view(2, 8).roll(shift, 1).flatten()
        torch.testing.assert_close(row, expected, rtol=1e-4, atol=1e-4)


def test_gradcheck(backend):
    maps = torch.rand(1, 4, 5, 6, dtype=torch.float64, requires_grad=True)
    rois = random_rois(3, maps, torch.float64, size=10.0, low=1.0, high=8.0)
    assert torch.autograd.gradcheck(lambda x: riroi_align_rotated(x, rois, 2, 0.5, 2, 4, True), maps)


def test_no_region_and_strides(backend):
    maps = torch.rand(2, 8, 6, 6, requires_grad=True)
    none = riroi_align_rotated(maps, torch.zeros(0, 6), (2, 3), 1.0)
    assert none.shape == (0, 8, 2, 3)
    none.sum().backward()
    assert maps.grad.abs().max() == 0
    rois = random_rois(4, maps, size=20.0)
    expected = riroi_align_rotated(maps, rois, 2, 0.25)
    wide = torch.zeros(4, 12)
    wide[:, ::2] = rois
    last = maps.to(memory_format=torch.channels_last)
    assert torch.equal(riroi_align_rotated(last, wide[:, ::2], 2, 0.25), expected)


def test_a_region_that_is_not_finite_is_zero(backend):
    rois = torch.tensor([[0, 3, 3, 2, 2, math.nan], [0, math.inf, 3, 2, 2, 0], [0, 3, 3, 2, 2, 0]])
    out = riroi_align_rotated(torch.ones(1, 8, 6, 6), rois, 2, 1.0)
    assert out.flatten(1).amax(1).tolist() == [0, 0, 1]


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision(backend, dtype):
    maps = torch.rand(1, 8, 6, 6).to(dtype)
    rois = random_rois(4, maps.float(), size=20.0)
    got = riroi_align_rotated(maps, rois, 2, 0.25)
    assert got.dtype == dtype
    expected = riroi_align_rotated(maps.float(), rois, 2, 0.25)
    assert torch.equal(got, expected.to(dtype))
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(riroi_align_rotated(maps.float(), rois, 2, 0.25), expected)


def test_the_layer(backend):
    maps, rois = torch.rand(1, 8, 6, 6), torch.cat([torch.zeros(3, 1), random_boxes(3, 20.0)], 1)
    layer = RiRoIAlignRotated(out_size=2, spatial_scale=0.25, num_samples=2, clockwise=True)
    assert layer.output_size == (2, 2)
    expected = riroi_align_rotated(maps, rois, 2, 0.25, 2, 8, True)
    assert torch.equal(layer(maps, rois), expected)


def test_compiles_as_one_graph(backend):
    layer = RiRoIAlignRotated(2, 0.25, 2)
    maps = torch.rand(1, 8, 6, 6, requires_grad=True)
    rois = torch.cat([torch.zeros(5, 1), random_boxes(5, 20.0)], 1)

    def of_wide(maps, rois):  # how many there are is not known beforehand
        return layer(maps, rois[rois[:, 3] > rois[:, 4]]).pow(2).sum()

    (expected,) = torch.autograd.grad(of_wide(maps, rois), maps)
    assert expected.abs().max() > 0
    with torch._dynamo.config.patch(capture_dynamic_output_shape_ops=True):
        compiled = torch.compile(of_wide, fullgraph=True, backend='aot_eager')
        (got,) = torch.autograd.grad(compiled(maps, rois), maps)
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize('maps', [torch.zeros(1, 6, 4, 4), torch.zeros(8, 4, 4)])
def test_bad_channels(maps):
    with pytest.raises(ValueError, match=r'\(N, C \* 8, H, W\), got'):
        riroi_align_rotated(maps, torch.zeros(0, 6), 2, 1.0)
