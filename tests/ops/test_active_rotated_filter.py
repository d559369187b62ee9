import itertools

import pytest
import torch
from torch.nn import functional as F

from mmrotate.ops import ORConv2d, RotationInvariantPooling, active_rotated_filter
from tests.ops.oracles import golden


def plain_loop(weight, indices):
    """Every entry of every filter to its place under every rotation."""
    outs, ins, *entry = weight.shape
    rotations = indices.size(-1)
    out = weight.new_zeros(outs, rotations, ins, weight[0, 0].numel())
    for i, j, k in itertools.product(range(outs), range(ins), range(rotations)):
        for at in itertools.product(*map(range, entry)):
            out[i, k, j, indices[at][k] - 1] = weight[i, j][at]
    return out.view(outs * rotations, ins * entry[0], *entry[1:])


def test_reference():
    data = golden('orconv2d')
    layer = ORConv2d(4, 12, 3, padding=1, arf_config=(1, 8), bias=False)
    assert torch.equal(layer.indices, data['indices'])
    assert layer.indices.dtype == torch.int32
    layer.weight.data = data['weight']
    torch.testing.assert_close(layer(data['x']), data['out'], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('side', [1, 3])
@pytest.mark.parametrize('config', [(1, 8), (8, 8), (4, 4), (8, 4), (4, 8), (2, 1)])
def test_it_is_the_plain_loop(config, side):
    layer = ORConv2d(3, 2, side, config, bias=False)
    expected = plain_loop(layer.weight, layer.indices)
    assert torch.equal(layer.rotate_arf(), expected)
    assert expected.shape == (2 * config[1], 3 * config[0], side, side)


def test_a_quarter_turn_is_that_of_the_kernel():
    layer = ORConv2d(2, 1, 3, arf_config=(1, 4), bias=False)
    turned = layer.rotate_arf()
    for quarter in range(4):
        # rot90 turns counter-clockwise on the screen
        assert torch.equal(turned[quarter], layer.weight[0, :, 0].rot90(-quarter, (-2, -1)))


def test_a_turned_image_turns_the_answers():
    layer = ORConv2d(2, 3, 3, arf_config=(1, 8), padding=1).double()
    layer.bias.data.zero_()
    image = torch.rand(1, 2, 7, 7, dtype=torch.float64)
    straight = layer(image).unflatten(1, (3, 8))
    turned = layer(image.rot90(-1, (2, 3))).unflatten(1, (3, 8))
    expected = straight.rot90(-1, (3, 4)).roll(2, 2)  # two of eight orientations on
    torch.testing.assert_close(turned, expected)
    pool = RotationInvariantPooling(24, 8)
    torch.testing.assert_close(pool(turned.flatten(1, 2)), straight.amax(2).rot90(-1, (2, 3)))


def test_gradcheck():
    layer = ORConv2d(2, 1, 3, arf_config=(2, 4)).double()
    assert torch.autograd.gradcheck(lambda w: active_rotated_filter(w, layer.indices), layer.weight)


def test_state_and_shapes():
    layer = ORConv2d(4, 2, 3, arf_config=8, stride=2, padding=2, dilation=2)
    shapes = {key: tuple(value.shape) for key, value in layer.state_dict().items()}
    assert shapes == {'weight': (2, 4, 8, 3, 3), 'bias': (16,), 'indices': (8, 3, 3, 8)}
    assert layer(torch.rand(2, 32, 9, 9)).shape == (2, 16, 5, 5)
    assert layer(torch.rand(0, 32, 9, 9)).shape == (0, 16, 5, 5)
    bias = layer.bias.data = torch.rand(16)
    expected = F.conv2d(torch.ones(1, 32, 9, 9), layer.rotate_arf(), bias, 2, 2, 2)
    assert torch.equal(layer(torch.ones(1, 32, 9, 9)), expected)


def test_half_precision_and_strides():
    layer = ORConv2d(2, 3, 3, arf_config=(1, 8))
    weight = layer.weight.detach()
    half = active_rotated_filter(weight.half(), layer.indices)
    assert torch.equal(half, layer.rotate_arf().half())
    strided = weight.transpose(0, 1).contiguous().transpose(0, 1)
    assert torch.equal(active_rotated_filter(strided, layer.indices), layer.rotate_arf())


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(arf_config=(1, 3)), r'arf_config .* got \(1, 3\)'),
        (dict(arf_config=6), 'arf_config .* got 6'),
        (dict(kernel_size=5), 'got 5 and 1'),
        (dict(groups=2), 'got 3 and 2'),
    ],
)
def test_bad_settings(arguments, message):
    with pytest.raises(ValueError, match=message):
        ORConv2d(2, 2, **arguments)


def test_bad_shapes():
    with pytest.raises(ValueError, match=r'got \(2, 2, 1, 3, 3\) and \(8, 3, 3, 8\)'):
        active_rotated_filter(torch.zeros(2, 2, 1, 3, 3), torch.ones(8, 3, 3, 8).int())


def test_compiles_as_one_graph():
    layer = ORConv2d(2, 3, 3, arf_config=(1, 8), padding=1)
    x = torch.rand(1, 2, 5, 5)
    compiled = torch.compile(layer, fullgraph=True, backend='aot_eager')
    torch.testing.assert_close(compiled(x), layer(x))
