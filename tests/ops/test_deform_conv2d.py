import itertools
import math

import pytest
import torch
from torch.nn import functional as F

from mmrotate.ops import (
    DeformConv2d,
    ModulatedDeformConv2d,
    ModulatedDeformConv2dPack,
    deform_conv2d,
    modulated_deform_conv2d,
)
from tests.ops.oracles import golden


def pixel(image, y, x):
    """Channels of a map (C, H, W) at a point; beyond the border lie zeros."""
    padded = F.pad(image, (1, 1, 1, 1))
    height, width = padded.shape[1:]
    if not (-1 < y < height - 2 and -1 < x < width - 2):
        return image.new_zeros(len(image))
    top, left = math.floor(y), math.floor(x)
    fy, fx = y - top, x - left
    value = torch.zeros_like(image[:, 0, 0])
    for dy, dx in itertools.product((0, 1), (0, 1)):
        share = (fy if dy else 1 - fy) * (fx if dx else 1 - fx)
        value = value + share * padded[:, top + dy + 1, left + dx + 1]
    return value


def plain_loop(maps, offset, mask, weight, stride, padding, dilation, groups, deform_groups):
    """One output at a time, group by group."""
    out_channels, per_group, kh, kw = weight.shape
    out = maps.new_zeros(len(maps), out_channels, *offset.shape[2:])
    moves = offset.unflatten(1, (deform_groups, kh * kw, 2))
    factors = mask.unflatten(1, (deform_groups, kh * kw))
    for n, i, j in itertools.product(range(len(maps)), *map(range, offset.shape[2:])):
        for k, (u, v) in enumerate(itertools.product(range(kh), range(kw))):
            read = []
            for g, part in enumerate(maps[n].chunk(deform_groups)):
                dy, dx = moves[n, g, k, :, i, j].tolist()
                y = i * stride - padding + u * dilation + dy
                x = j * stride - padding + v * dilation + dx
                read.append(pixel(part, y, x) * factors[n, g, k, i, j])
            values = torch.cat(read).view(groups, per_group)
            kernel = weight[:, :, u, v].view(groups, -1, per_group)
            out[n, :, i, j] += (kernel * values[:, None]).sum(-1).flatten()
    return out


def arguments(settings, dtype=torch.float64):
    stride, padding, dilation, groups, deform_groups = settings
    maps = torch.randn(2, 4, 6, 7, dtype=dtype)
    weight = torch.randn(6, 4 // groups, 3, 2, dtype=dtype)
    size = F.conv2d(maps, weight, None, stride, padding, dilation, groups).shape[2:]
    offset = 2 * torch.randn(2, deform_groups * 12, *size, dtype=dtype)
    mask = torch.rand(2, deform_groups * 6, *size, dtype=dtype)
    return maps, offset, mask, weight


def test_reference():
    data = golden('deform_conv2d')
    out = deform_conv2d(data['x'], data['offset'], data['weight'], padding=1)
    torch.testing.assert_close(out, data['out'], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('settings', [(1, 1, 1, 1, 1), (2, 0, 1, 2, 1), (1, 2, 2, 1, 2), (1, 1, 1, 2, 4)])
def test_it_is_the_plain_loop(settings):
    maps, offset, mask, weight = arguments(settings)
    bias = torch.randn(6, dtype=torch.float64)
    expected = plain_loop(maps, offset, mask, weight, *settings) + bias.view(-1, 1, 1)
    got = modulated_deform_conv2d(maps, offset, mask, weight, bias, *settings)
    torch.testing.assert_close(got, expected)
    expected = plain_loop(maps, offset, torch.ones_like(mask), weight, *settings)
    torch.testing.assert_close(deform_conv2d(maps, offset, weight, *settings), expected)


def test_gradcheck():
    settings = (1, 1, 1, 1, 2)
    inputs = [t.requires_grad_() for t in arguments(settings)]
    assert torch.autograd.gradcheck(lambda *x: modulated_deform_conv2d(*x, None, *settings), inputs, fast_mode=True)


def test_no_image_and_strides():
    maps, offset, _, weight = arguments((1, 1, 1, 1, 1))
    weight.requires_grad_()
    none = deform_conv2d(maps[:0], offset[:0], weight, padding=1)
    assert none.shape == (0, 6, *offset.shape[2:])
    none.sum().backward()
    assert weight.grad.abs().max() == 0
    strided = maps.transpose(2, 3).contiguous().transpose(2, 3)
    got = deform_conv2d(strided, offset, weight, padding=1)
    assert torch.equal(got, deform_conv2d(maps, offset, weight, padding=1))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_computes_in_float32(dtype):
    args = [t.to(dtype) for t in arguments((1, 1, 1, 1, 1))]
    got = modulated_deform_conv2d(*args, padding=1)
    expected = modulated_deform_conv2d(*[t.float() for t in args], padding=1)
    assert torch.equal(got, expected.to(dtype))


def test_layers():
    x = torch.randn(1, 4, 5, 6)
    layer = DeformConv2d(4, 8, 3, padding=1, groups=2, deform_groups=2)
    assert set(layer.state_dict()) == {'weight'}
    assert layer(x, torch.zeros(1, 36, 5, 6)).shape == (1, 8, 5, 6)
    layer = ModulatedDeformConv2d(4, 8, 3, stride=2)
    got = layer(x, torch.zeros(1, 18, 2, 2), torch.ones(1, 9, 2, 2))
    expected = F.conv2d(x, layer.weight, layer.bias, 2)
    torch.testing.assert_close(got, expected)
    pack = ModulatedDeformConv2dPack(4, 8, 3, padding=1, bias=False)
    assert set(pack.state_dict()) == {'weight', 'conv_offset.weight', 'conv_offset.bias'}
    torch.testing.assert_close(pack(x), F.conv2d(x, pack.weight, padding=1) / 2)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(input=torch.zeros(4, 6, 7)), r'got \(4, 6, 7\) of'),
        (dict(groups=2), r'\(N, 2 \* C, H, W\)'),
        (dict(offset=torch.zeros(1, 18, 4, 4)), r'offset .* \(1, 18, 6, 7\), got \(1, 18, 4, 4\)'),
        (dict(mask=torch.zeros(1, 18, 6, 7)), r'mask must have shape \(1, 9, 6, 7\)'),
    ],
)
def test_bad_input(change, message):
    good = dict(
        input=torch.zeros(1, 4, 6, 7),
        offset=torch.zeros(1, 18, 6, 7),
        mask=torch.zeros(1, 9, 6, 7),
        weight=torch.zeros(6, 4, 3, 3),
        padding=1,
    )
    modulated_deform_conv2d(**good)
    with pytest.raises(ValueError, match=message):
        modulated_deform_conv2d(**{**good, **change})


def test_compiles_as_one_graph():
    maps, offset, mask, weight = (t.requires_grad_() for t in arguments((1, 1, 1, 1, 1)))

    def function(*args):
        return modulated_deform_conv2d(*args, padding=1).pow(2).sum()

    expected = torch.autograd.grad(function(maps, offset, mask, weight), maps)
    compiled = torch.compile(function, fullgraph=True, backend='aot_eager')
    got = torch.autograd.grad(compiled(maps, offset, mask, weight), maps)
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize('value', [math.inf, -math.inf, math.nan, 1e30])
def test_points_far_outside_or_not_finite_read_nothing(value):
    maps, offset, mask, weight = arguments((1, 1, 1, 1, 1), torch.float32)
    offset[:, :2] = value
    leaves = [t.requires_grad_() for t in (maps, offset, mask, weight)]
    got = modulated_deform_conv2d(*leaves, padding=1)
    got.sum().backward()
    without = mask.detach().clone()
    without[:, 0] = 0
    expected = modulated_deform_conv2d(maps, offset.detach().nan_to_num(9, 9, 9), without, weight, padding=1)
    torch.testing.assert_close(got, expected)
    assert all(leaf.grad.isfinite().all() for leaf in leaves)


def test_a_bias_has_one_number_per_output():
    maps, offset, mask, weight = arguments((1, 1, 1, 1, 1))
    with pytest.raises(ValueError, match=r'bias must have shape \(6,\), got \(1,\)'):
        modulated_deform_conv2d(maps, offset, mask, weight, maps.new_ones(1), padding=1)


def test_layout_in_memory_does_not_matter():
    maps, offset, mask, weight = arguments((1, 1, 1, 2, 2))
    settings = (1, 1, 1, 2, 2)
    expected = modulated_deform_conv2d(maps, offset, mask, weight, None, *settings)
    turned = (t.contiguous(memory_format=torch.channels_last) for t in (maps, offset, mask, weight))
    torch.testing.assert_close(modulated_deform_conv2d(*turned, None, *settings), expected)
