"""Layers that turn with the image, against e2cnn's own."""

import copy
import sys

import e2cnn.gspaces
import e2cnn.nn
import pytest
import torch
from torch import nn

from mmrotate.models import equivariant
from mmrotate.models.equivariant import EquivariantBatchNorm, EquivariantConv2d
from mmrotate.utils.imports import MissingPackageError

SPACE = e2cnn.gspaces.Rot2dOnR2(8)
COLOURS = e2cnn.nn.FieldType(SPACE, [SPACE.trivial_repr] * 3)
MAPS = e2cnn.nn.FieldType(SPACE, [SPACE.regular_repr] * 2)


def _pair(image: bool, size: int, bias: bool) -> tuple[nn.Module, nn.Module]:
    kind = COLOURS if image else MAPS
    args = dict(stride=2, padding=size // 2, bias=bias)
    cutoff = dict(sigma=None, frequencies_cutoff=lambda radius: 3 * radius)
    peer = e2cnn.nn.R2Conv(kind, MAPS, size, **args, **cutoff)
    return EquivariantConv2d(kind.size, MAPS.size, size, image=image, **args), peer


@pytest.mark.parametrize(('image', 'size'), [(True, 3), (True, 7), (False, 1), (False, 3), (False, 7)])
@pytest.mark.parametrize('bias', [True, False])
def test_convolution_is_e2cnns(image: bool, size: int, bias: bool) -> None:
    ours, peer = _pair(image, size, bias)
    if bias:
        nn.init.normal_(peer.bias)
    peer.eval()
    assert set(ours.state_dict()) == set(peer.state_dict())
    ours.load_state_dict(peer.state_dict())
    x = torch.randn(2, peer.in_type.size, 9, 12)
    expected = peer(e2cnn.nn.GeometricTensor(x, peer.in_type)).tensor
    for mode in (True, False):
        torch.testing.assert_close(ours.train(mode)(x), expected)
        with torch.no_grad():
            torch.testing.assert_close(ours(x), expected)


@pytest.mark.parametrize('image', [True, False])
def test_weights_are_drawn_as_by_e2cnn(image: bool) -> None:
    torch.manual_seed(0)
    ours, peer = zip(*[_pair(image, 7, False) for _ in range(40)], strict=True)
    ours, peer = (torch.stack([c.weights.detach() for c in convs]).std(0) for convs in (ours, peer))
    assert (ours / peer).log().mean().abs() < 0.02
    assert (ours / peer).log().std() < 0.2


def test_batch_norm_is_e2cnns() -> None:
    ours, peer = EquivariantBatchNorm(16), e2cnn.nn.InnerBatchNorm(MAPS)
    assert set(ours.state_dict()) == set(peer.state_dict())
    for mode in (True, False):
        x = torch.randn(2, 16, 5, 6) * 3 + 1
        expected = peer.train(mode)(e2cnn.nn.GeometricTensor(x, MAPS)).tensor
        torch.testing.assert_close(ours.train(mode)(x), expected)


def test_a_quarter_of_a_turn_turns_the_maps_and_cycles_the_groups() -> None:
    net = nn.Sequential(
        EquivariantConv2d(3, 16, 7, padding=3, image=True),
        EquivariantBatchNorm(16),
        nn.ReLU(),
        EquivariantConv2d(16, 16, 3, padding=1),
    ).double()
    x = torch.randn(1, 3, 15, 15, dtype=torch.double)
    turned = net(x).rot90(1, (2, 3)).unflatten(1, (2, 8)).roll(2, 2).flatten(1, 2)
    torch.testing.assert_close(net(x.rot90(1, (2, 3))), turned)


def test_evaluation_follows_the_weights() -> None:
    conv, other = (EquivariantConv2d(8, 8, 3) for _ in range(2))
    x = torch.randn(1, 8, 5, 5)
    for _ in range(2):  # a filter that was part of the first graph would fail the second time
        conv.eval()(x).sum().backward()
    conv = copy.deepcopy(conv)
    keys = [set(conv.train(mode).state_dict()) for mode in (True, False, True)]
    assert keys[0] == keys[1] == keys[2]
    nn.init.normal_(conv.weights)
    saved = conv.state_dict()  # in training: its filters are those of the new weights
    trained = {k: v.clone() for k, v in saved.items() if k not in ('filter', 'expanded_bias')}
    with torch.no_grad():
        for state in (saved, trained):  # e2cnn's checkpoints from training lack the filters
            other.weights.zero_()
            other.eval().load_state_dict(state)
            torch.testing.assert_close(other(x), conv.eval()(x))
        torch.testing.assert_close(conv(x), conv.train()(x))


def test_filters_are_summed_in_full_precision() -> None:
    conv = EquivariantConv2d(8, 8, 3)
    with torch.autocast('cpu', torch.bfloat16):
        filters, _ = conv._expand()
        assert conv(torch.randn(1, 8, 5, 5)).dtype == torch.bfloat16
    torch.testing.assert_close(filters, conv._expand()[0], rtol=0, atol=0)


def test_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match='multiple of 8, got 12'):
        EquivariantConv2d(12, 8, 3)
    monkeypatch.setitem(sys.modules, 'e2cnn.nn', None)
    equivariant._basis.cache_clear()
    with pytest.raises(MissingPackageError, match=r'ReResNet.*pip install e2cnn'):
        EquivariantConv2d(8, 8, 3)
