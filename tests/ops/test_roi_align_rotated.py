import importlib
import math

import pytest
import torch
import torchvision

from mmrotate.ops import RiRoIAlignRotated, RoIAlignRotated, riroi_align_rotated, roi_align_rotated, roi_samples
from tests.helpers.roi_loop import plain_loop
from tests.ops.oracles import golden, random_boxes

# the package has a function of this name
op = importlib.import_module('mmrotate.ops.roi_align_rotated')
NO_MAPS, NO_ROIS = torch.rand(1, 2, 4, 4), torch.zeros(0, 6)


def random_rois(count, maps, dtype=torch.float32, **kwargs):
    index = torch.randint(0, len(maps), (count, 1)).to(dtype)
    return torch.cat([index, random_boxes(count, dtype=dtype, **kwargs)], 1)


@pytest.mark.parametrize('clockwise', [0, 1])
@pytest.mark.parametrize('aligned', [0, 1])
def test_reference(backend, aligned, clockwise):
    data = golden(f'roi_align_rotated_aligned{aligned}_cw{clockwise}')
    maps = data['feat'].requires_grad_()
    out = roi_align_rotated(maps, data['rois'], 7, 0.125, 2, bool(aligned), bool(clockwise))
    torch.testing.assert_close(out, data['out'], rtol=1e-4, atol=1e-5)
    out.backward(data['grad_out'])
    torch.testing.assert_close(maps.grad, data['grad_feat'], rtol=1e-4, atol=1e-5)


def test_reference_adaptive(backend):
    data = golden('roi_align_rotated_adaptive')
    out = roi_align_rotated(data['feat'], data['rois'], 7, 0.125, clockwise=True)
    torch.testing.assert_close(out, data['out'], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('clockwise', [False, True])
@pytest.mark.parametrize('aligned', [False, True])
@pytest.mark.parametrize('sampling', [0, 1, 3])
def test_it_is_the_plain_loop(backend, sampling, aligned, clockwise):
    maps = torch.rand(2, 3, 11, 13, dtype=torch.float64)
    # some regions lie at the border, some outside
    rois = random_rois(12, maps, torch.float64, size=60.0, low=1.0, high=40.0)
    settings = (0.25, sampling, aligned, clockwise)
    got = roi_align_rotated(maps, rois, 3, *settings)
    expected = torch.stack([plain_loop(maps, roi, 3, *settings) for roi in rois])
    torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize('aligned', [False, True])
@pytest.mark.parametrize('sampling', [0, 2])
def test_upright_regions_are_those_of_torchvision(backend, sampling, aligned):
    maps = torch.rand(2, 3, 30, 40)
    rois = random_rois(40, maps, size=150.0)
    rois[:, 5] = 0
    low, high = rois[:, 1:3] - rois[:, 3:5] / 2, rois[:, 1:3] + rois[:, 3:5] / 2
    corners = torch.cat([rois[:, :1], low, high], 1)
    size = (3, 5)
    expected = torchvision.ops.roi_align(maps, corners, size, 0.25, sampling if sampling else -1, aligned)
    got = roi_align_rotated(maps, rois, size, 0.25, sampling, aligned)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def test_the_sense_of_rotation(backend):
    # values grow downwards; a quarter turn clockwise points the side w down the screen
    maps = torch.arange(16.0).view(1, 1, 16, 1).expand(1, 1, 16, 16)
    rois = torch.tensor([[0, 8, 8, 6, 2, math.pi / 2]])
    row = roi_align_rotated(maps, rois, (1, 3), sampling_ratio=1, clockwise=True)[0, 0, 0]
    torch.testing.assert_close(row, torch.tensor([5.5, 7.5, 9.5]))
    row = roi_align_rotated(maps, rois, (1, 3), sampling_ratio=1)[0, 0, 0]
    torch.testing.assert_close(row, torch.tensor([9.5, 7.5, 5.5]))


def test_gradcheck(backend):
    maps = torch.rand(2, 2, 6, 7, dtype=torch.float64, requires_grad=True)
    rois = random_rois(5, maps, torch.float64, size=14.0, low=1.0, high=12.0)
    for aligned, sampling in ((True, 2), (False, 0)):
        assert torch.autograd.gradcheck(
            lambda x, a=aligned, s=sampling: roi_align_rotated(x, rois, (3, 2), 0.5, s, a), maps
        )


@pytest.mark.parametrize('sampling', [0, 2])
def test_backends_agree(monkeypatch, sampling):
    maps = torch.rand(2, 20, 25, 30)
    rois = random_rois(60, maps, low=1.0, high=200.0)
    found = []
    for choice in (None, 'torch'):
        monkeypatch.delenv('MMROTATE_OPS_BACKEND', raising=False)
        if choice:
            monkeypatch.setenv('MMROTATE_OPS_BACKEND', choice)
        leaf = maps.clone().requires_grad_()
        out = roi_align_rotated(leaf, rois, 7, 0.125, sampling)
        out.pow(2).sum().backward()
        found.append((out, leaf.grad))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_plain_torch_in_chunks(monkeypatch):
    monkeypatch.setenv('MMROTATE_OPS_BACKEND', 'torch')
    maps = torch.rand(2, 3, 20, 20)
    rois = random_rois(20, maps)
    whole = roi_align_rotated(maps, rois, 4, 0.1)
    monkeypatch.setattr(roi_samples, '_CHUNK', 1)
    assert torch.equal(roi_align_rotated(maps, rois, 4, 0.1), whole)


def test_constant_maps_give_the_constant(backend):
    maps = torch.full((1, 2, 30, 30), 2.5)
    rois = torch.tensor([[0, 60, 60, 40, 20, 0.7], [0, 60, 60, 1, 1, 0]])
    out = roi_align_rotated(maps, rois, 3, 0.25, 2)
    torch.testing.assert_close(out, torch.full_like(out, 2.5))
    far = rois + torch.tensor([0, 1000, 0, 0, 0, 0])
    assert roi_align_rotated(maps, far, 3, 0.25, 2).abs().max() == 0


def test_empty(backend):
    maps = torch.rand(2, 3, 8, 8, requires_grad=True)
    out = roi_align_rotated(maps, torch.zeros(0, 6), (2, 4))
    assert out.shape == (0, 3, 2, 4)
    out.sum().backward()
    assert maps.grad.abs().max() == 0


@pytest.mark.parametrize('shape', [(1, 3, 0, 5), (1, 3, 5, 0), (1, 3, 0, 0), (1, 0, 5, 5)])
def test_maps_without_pixels_give_zeros(backend, shape):
    maps = torch.rand(shape, requires_grad=True)
    out = roi_align_rotated(maps, torch.tensor([[0, 0, 0, 1, 1, 0.0], [0, 2, 2, 3, 1, 0.5]]), (2, 3))
    assert out.shape == (2, shape[1], 2, 3)
    assert not out.any()
    out.sum().backward()
    assert maps.grad.shape == shape


@pytest.mark.parametrize('sampling', [0, 2])
def test_regions_without_area_or_not_finite(backend, sampling):
    maps = torch.rand(1, 2, 8, 8, requires_grad=True)
    nan, inf = math.nan, math.inf
    bad = [[0, nan, 4, 4, 4, 0], [0, 4, 4, inf, 4, 0], [0, 4, 4, 4, nan, 0], [0, 4, 4, 4, 4, nan]]
    out = roi_align_rotated(maps, torch.tensor([*bad, [0, -inf, 4, 4, 4, 0]]), 3, 1.0, sampling)
    assert out.abs().max() == 0
    out.sum().backward()
    assert maps.grad.abs().max() == 0
    flat = roi_align_rotated(maps, torch.tensor([[0, 4, 4, 0, 0, 0.0]]), 2, 1.0, sampling)
    # all samples at one point; adaptive: no sample
    expected = maps[0, :, 3:5, 3:5].mean((1, 2)) if sampling else torch.zeros(2)
    torch.testing.assert_close(flat, expected[None, :, None, None].expand(1, 2, 2, 2))


def test_strides_do_not_matter(backend):
    maps = torch.rand(2, 6, 10, 12)
    rois = random_rois(9, maps, size=40.0)
    expected = roi_align_rotated(maps, rois, 3, 0.25)
    strided = torch.zeros(9, 12)
    strided[:, ::2] = rois
    last = maps.to(memory_format=torch.channels_last)
    got = roi_align_rotated(last, strided[:, ::2], 3, 0.25)
    assert torch.equal(got, expected)
    part = torch.rand(2, 12, 10, 24)
    part[:, ::2, :, ::2] = maps
    assert torch.equal(roi_align_rotated(part[:, ::2, :, ::2], rois, 3, 0.25), expected)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_computes_in_float32(backend, dtype):
    maps = torch.rand(1, 3, 10, 10).to(dtype).requires_grad_()
    rois = random_rois(5, maps, size=40.0)
    out = roi_align_rotated(maps, rois, 3, 0.25)
    assert out.dtype == dtype
    expected = roi_align_rotated(maps.detach().float(), rois, 3, 0.25).to(dtype)
    assert torch.equal(out, expected)
    out.sum().backward()
    assert maps.grad.dtype == dtype
    assert maps.grad.abs().max() > 0


def test_the_layer_of_0x():
    layer = RoIAlignRotated(out_size=(3, 4), spatial_scale=0.5, sample_num=2, clockwise=True)
    maps, rois = torch.rand(1, 2, 8, 8), torch.tensor([[0, 8, 8, 6, 4, 0.3]])
    expected = roi_align_rotated(maps, rois, (3, 4), 0.5, 2, True, True)
    assert torch.equal(layer(maps, rois), expected)
    assert torch.equal(RoIAlignRotated((3, 4), 0.5, 2, True, True)(maps, rois), expected)
    assert RoIAlignRotated(7).output_size == (7, 7)
    assert 'output_size=(3, 4), spatial_scale=0.5, sampling_ratio=2' in repr(layer)
    with pytest.raises(ValueError, match='output_size is needed'):
        RoIAlignRotated()


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        ((torch.rand(2, 4, 4), NO_ROIS, 2), r'\(N, C, H, W\), got \(2, 4, 4\)'),
        ((NO_MAPS.long(), NO_ROIS, 2), r'got .* torch\.int64'),
        ((NO_MAPS, torch.zeros(1, 5), 2), r'rois must have shape \(n, 6\), got \(1, 5\)'),
        ((NO_MAPS, NO_ROIS, (2, 2, 2)), r'output_size .* got \(2, 2, 2\)'),
        ((NO_MAPS, NO_ROIS, 0), 'output_size .* got 0'),
    ],
)
def test_bad_input(args, message):
    with pytest.raises(ValueError, match=message):
        roi_align_rotated(*args)


@pytest.mark.parametrize(('index', 'shown'), [(1, '1'), (-1, '-1'), (math.nan, 'nan')])
def test_a_region_of_no_map(backend, index, shown):
    rois = torch.tensor([[index, 2, 2, 2, 2, 0.0]])
    with pytest.raises(ValueError, match=f'{shown} to {shown}, but there are 1'):
        roi_align_rotated(NO_MAPS, rois, 2)


def test_registration(backend):
    maps = torch.rand(2, 2, 6, 6, requires_grad=True)
    rois = random_rois(3, maps, size=12.0)
    torch.library.opcheck(op._op, (maps, rois, 2, 3, 0.5, 2, True, False))
    grad = torch.rand(3, 2, 2, 3)
    args = (grad, rois, 2, 6, 6, 2, 3, 0.5, 0, True, False)
    torch.library.opcheck(op._backward_op, args)


def test_compiles_as_one_graph(backend):
    maps = torch.rand(2, 3, 8, 8, requires_grad=True)
    rois = random_rois(4, maps, size=16.0)
    layer = RoIAlignRotated(3, 0.5, 2)
    layer(maps, rois).pow(2).sum().backward()
    expected, maps.grad = maps.grad, None
    torch.compile(layer, fullgraph=True, backend='aot_eager')(maps, rois).pow(2).sum().backward()
    torch.testing.assert_close(maps.grad, expected)


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
def test_riroi_it_is_the_plain_loop(backend, sampling, orientations, clockwise):
    maps = torch.rand(2, 8, 9, 10, dtype=torch.float64)
    rois = random_rois(6, maps, torch.float64, size=40.0, low=1.0, high=30.0)
    got = riroi_align_rotated(maps, rois, 2, 0.25, sampling, orientations, clockwise)
    for roi, found in zip(rois, got, strict=True):
        pooled = plain_loop(maps, roi, 2, 0.25, sampling, False, clockwise)
        torch.testing.assert_close(found, plain_mix(pooled, float(roi[5]), orientations))


def test_an_eighth_of_a_turn_shifts_the_orientations(backend):
    maps = torch.arange(16.0).view(1, 16, 1, 1).expand(1, 16, 9, 9)
    rois = torch.tensor([[0, 4, 4, 3, 3, k * math.pi / 4] for k in (0, 1, -1, 2, -2, 9)])
    out = riroi_align_rotated(maps, rois, 1, 1.0, 1)[..., 0, 0]
    for row, shift in zip(out, (0, 1, -1, 2, -2, 1), strict=True):
        expected = torch.arange(16.0).view(2, 8).roll(shift, 1).flatten()
        torch.testing.assert_close(row, expected, rtol=1e-4, atol=1e-4)


def test_riroi_gradcheck(backend):
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


def test_riroi_compiles_as_one_graph(backend):
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
    with pytest.raises(ValueError, match=r'features must be .*\(N, C.*, H, W\), got'):
        riroi_align_rotated(maps, torch.zeros(0, 6), 2, 1.0)
