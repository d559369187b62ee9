"""Layers of a user's own, by their names in configs."""

import pytest
import torch
from torch import nn

from mmrotate.models import build_backbone, build_neck
from mmrotate.models.layers import ConvModule, build_conv, make_convs_sound, norm_name
from mmrotate.registry import MODELS


class OwnConv(nn.Conv2d):
    def init_weights(self):
        """Start from zeros."""
        nn.init.zeros_(self.weight)


class OwnNorm(nn.Module):
    _abbr_ = 'on'

    def __init__(self, channels, gain=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.full((1, channels, 1, 1), gain))

    def forward(self, x):
        return x * self.weight


class OwnActivation(nn.Module):
    def forward(self, x):
        return x.abs()


OWN = (OwnConv, OwnNorm, OwnActivation)
CONV, NORM, ACT = dict(type='OwnConv'), dict(type='OwnNorm', gain=2.0, requires_grad=False), dict(type='OwnActivation')


@pytest.fixture(autouse=True)
def registered():
    for cls in OWN:
        MODELS.register_module(module=cls)
    yield
    for cls in OWN:
        del MODELS.module_dict[cls.__name__]


def test_in_a_block():
    before = torch.get_rng_state()
    block = ConvModule(4, 8, 3, padding=1, conv_cfg=CONV, norm_cfg=NORM, act_cfg=ACT)
    torch.set_rng_state(before)
    torch.testing.assert_close(block.conv.weight, nn.Conv2d(4, 8, 3).weight)
    assert [type(block.conv), type(block.on), type(block.activate)] == list(OWN)
    assert not block.on.weight.requires_grad
    assert (block(torch.randn(1, 4, 5, 5)) >= 0).all()


def test_in_a_backbone_and_a_neck():
    body = build_backbone(dict(type='ResNet', depth=18, base_channels=8, conv_cfg=CONV, norm_cfg=NORM))
    assert {type(m) for m in body.modules() if isinstance(m, nn.Conv2d)} == {OwnConv}
    assert isinstance(body.layer1[0].on1, OwnNorm)
    neck = build_neck(dict(type='FPN', in_channels=[8, 16], out_channels=8, num_outs=2, conv_cfg=CONV, act_cfg=ACT))
    assert isinstance(neck.lateral_convs[0].conv, OwnConv) and isinstance(neck.fpn_convs[0].activate, OwnActivation)


def test_what_is_no_layer():
    with pytest.raises(KeyError, match=r"conv_cfg={'type': 'Other'}: the type must be one of .*registry of models"):
        ConvModule(4, 8, 3, conv_cfg=dict(type='Other'))
    with pytest.raises(TypeError, match='norm_cfg must be a dict with the key "type"'):
        ConvModule(4, 8, 3, norm_cfg=dict(gain=1))
    assert [norm_name(cls) for cls in (nn.SyncBatchNorm, nn.GroupNorm, nn.InstanceNorm2d, nn.LayerNorm, nn.Module)] == [
        'bn', 'gn', 'in', 'ln', 'norm_layer',
    ]  # fmt: skip


# of all but the first PyTorch 2.14 leaves gradients in bfloat16 as they were in memory
@pytest.mark.parametrize(
    ('conv', 'size'),
    [
        (dict(kernel_size=3, padding=1), (24, 30)),
        (dict(kernel_size=7, padding='same', dilation=3, groups=16), (48, 60)),
        (dict(kernel_size=3, padding=2, dilation=2, groups=4), (48, 60)),
        (dict(kernel_size=3, padding=1, stride=2), (8, 1)),
        (dict(kernel_size=7, padding=3, stride=4), (8, 3)),
    ],
)
def test_gradients_in_bfloat16_hold_nothing_of_what_was_in_memory(conv, size):
    plain = nn.Conv2d(16, 16, **conv).to(memory_format=torch.channels_last)
    image = torch.randn(2, 16, *size).bfloat16().contiguous(memory_format=torch.channels_last)
    expected = torch.autograd.grad(plain(image.float()).square().sum(), plain.weight)[0]
    make_convs_sound(sound := nn.Sequential(plain))
    for _ in range(3):
        with torch.autocast('cpu', torch.bfloat16):
            found = sound(image)
        [torch.full((size,), torch.nan) for size in (1000, 10_000, 50_000, 100_000, 300_000) * 2]
        assert found.dtype == torch.bfloat16
        grad = torch.autograd.grad(found.float().square().sum(), plain.weight)[0]
        torch.testing.assert_close(grad, expected, rtol=0.02, atol=0.02 * float(expected.abs().max()))


@pytest.mark.parametrize('kind', ['ConvWS', 'Conv2dAdaptivePadding'])
def test_other_convolutions_hold_nothing_of_it_either(kind):
    conv = build_conv(dict(type=kind), 16, 16, 3, stride=2, padding=1)
    column = torch.randn(2, 16, 7, 1)
    expected = torch.autograd.grad(conv(column).square().sum(), conv.weight)[0]
    for _ in range(3):
        with torch.autocast('cpu', torch.bfloat16):
            found = conv(column)
        [torch.full((size,), torch.nan) for size in (1000, 10_000, 50_000, 100_000, 300_000) * 2]
        grad = torch.autograd.grad(found.float().square().sum(), conv.weight)[0]
        torch.testing.assert_close(grad, expected, rtol=0.03, atol=0.03 * float(expected.abs().max()))


def test_sound_convolutions_are_the_same_in_float32():
    plain = nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4, padding_mode='circular')
    image = torch.randn(1, 4, 9, 9)
    expected = plain(image)
    make_convs_sound(sound := nn.ModuleList([plain]))
    torch.testing.assert_close(sound[0](image), expected, rtol=0, atol=0)
