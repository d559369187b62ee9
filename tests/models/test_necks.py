"""FPN against torchvision's and its own options; its kin against it."""

import e2cnn.nn as enn
import pytest
import torch
from mmrotate.models.necks.re_fpn import ReFPN
from mmrotate.models.utils import build_enn_divide_feature
from torchvision.ops import FeaturePyramidNetwork

from mmrotate.models import build_detector, build_neck, necks
from tests.helpers import zoo

CHANNELS = [8, 16, 32]


@pytest.fixture
def maps() -> list[torch.Tensor]:
    return [torch.randn(1, c, 32 // 2**i, 24 // 2**i) for i, c in enumerate(CHANNELS)]


def test_same_as_torchvision(maps: list[torch.Tensor]) -> None:
    ours = build_neck(dict(type='FPN', in_channels=CHANNELS, out_channels=4, num_outs=3))
    peer = FeaturePyramidNetwork(CHANNELS, 4)
    for i in range(3):
        peer.inner_blocks[i][0].load_state_dict(ours.lateral_convs[i].conv.state_dict())
        peer.layer_blocks[i][0].load_state_dict(ours.fpn_convs[i].conv.state_dict())
    expected = peer({str(i): x for i, x in enumerate(maps)}).values()
    for got, want in zip(ours(maps), expected, strict=True):
        torch.testing.assert_close(got, want)


@pytest.mark.parametrize('source', [False, True, 'on_input', 'on_lateral', 'on_output'])
def test_extra_levels(maps: list[torch.Tensor], source: bool | str) -> None:
    neck = build_neck(
        dict(type='FPN', in_channels=CHANNELS, out_channels=4, num_outs=5, start_level=1)
        | dict(add_extra_convs=source, relu_before_extra_convs=True)
    )
    neck.init_weights()
    outs = neck(maps)
    assert [tuple(x.shape) for x in outs] == [
        (1, 4, 16, 12), (1, 4, 8, 6), (1, 4, 4, 3), (1, 4, 2, 2), (1, 4, 1, 1),
    ]  # fmt: skip
    if not source:
        torch.testing.assert_close(outs[2], outs[1][..., ::2, ::2])


def test_norm_and_activation_keys() -> None:
    neck = build_neck(
        dict(type='FPN', in_channels=[8], out_channels=4, num_outs=1)
        | dict(norm_cfg=dict(type='GN', num_groups=2), no_norm_on_lateral=True)
    )
    assert sorted(neck.state_dict()) == [
        'fpn_convs.0.conv.weight', 'fpn_convs.0.gn.bias', 'fpn_convs.0.gn.weight',
        'lateral_convs.0.conv.bias', 'lateral_convs.0.conv.weight',
    ]  # fmt: skip


def test_errors(maps: list[torch.Tensor]) -> None:
    with pytest.raises(ValueError, match='num_outs=2'):
        build_neck(dict(type='FPN', in_channels=CHANNELS, out_channels=4, num_outs=2))
    neck = build_neck(dict(type='FPN', in_channels=CHANNELS, out_channels=4, num_outs=3))
    with pytest.raises(ValueError, match='3 maps, got 2'):
        neck(maps[:2])
    with pytest.raises(KeyError, match='XN'):
        build_neck(dict(type='FPN', in_channels=[8], out_channels=4, num_outs=1) | dict(norm_cfg=dict(type='XN')))


def test_pafpn_adds_a_path_upwards(maps: list[torch.Tensor]) -> None:
    cfg = dict(in_channels=CHANNELS, out_channels=4, num_outs=4, add_extra_convs='on_output')
    ours, plain = (build_neck(dict(type=name, **cfg)) for name in ('PAFPN', 'FPN'))
    missing, unexpected = plain.load_state_dict(ours.state_dict(), strict=False)
    assert missing == []
    assert sorted(unexpected) == [
        f'{name}.{i}.conv.{kind}'
        for name in ('downsample_convs', 'pafpn_convs')
        for i in range(2)
        for kind in ('bias', 'weight')
    ]
    down, up = plain(maps), ours(maps)
    torch.testing.assert_close(up[0], down[0])
    second = down[1] + ours.downsample_convs[0](down[0])
    third = down[2] + ours.downsample_convs[1](second)
    torch.testing.assert_close(up[1], ours.pafpn_convs[0](second))
    torch.testing.assert_close(up[2], ours.pafpn_convs[1](third))
    torch.testing.assert_close(up[3], ours.fpn_convs[3](up[2]))


def test_refpn_turns_with_its_maps() -> None:
    neck = build_neck(
        dict(type='ReFPN', in_channels=CHANNELS, out_channels=16, num_outs=5) | dict(add_extra_convs='on_output')
    ).double()
    neck.init_weights()
    maps = [torch.randn(1, c, s, s).double() for c, s in zip(CHANNELS, (28, 14, 7), strict=True)]

    def turn(x: torch.Tensor) -> torch.Tensor:
        return x.rot90(1, (2, 3)).unflatten(1, (-1, 8)).roll(2, 2).flatten(1, 2)

    outs = neck(maps)
    assert [tuple(x.shape) for x in outs] == [(1, 16, s, s) for s in (28, 14, 7, 4, 2)]
    for got, want in zip(neck([turn(x) for x in maps])[:4], outs[:4], strict=True):
        torch.testing.assert_close(got, turn(want))


def test_refpn_errors() -> None:
    cfg = dict(type='ReFPN', out_channels=16, num_outs=1)
    with pytest.raises(ValueError, match='multiple of 8, got 12'):
        build_neck(dict(cfg, in_channels=[12]))
    with pytest.raises(AssertionError, match='num_outs=1 does not fit'):
        build_neck(dict(cfg, in_channels=[8, 16, 24], start_level=1))


def test_refpn_takes_its_arguments_as_documented():
    levels = [torch.randn(1, 8 * 2**i, 32 >> i, 32 >> i) for i in range(2)]
    neck = build_neck(dict(type='ReFPN', in_channels=[8, 16], out_channels=8, num_outs=3, add_extra_convs=True))
    assert neck.add_extra_convs == 'on_input'
    neck = necks.ReFPN([8, 16], 8, 3, 0, -1, True, False, False, False, None, None, None)
    assert neck.add_extra_convs == 'on_output'
    assert [x.size(-1) for x in neck(levels)] == [32, 16, 8]
    assert necks.ReFPN([8, 16], 8, 1, end_level=1).levels == range(1), 'the last level is the one before'
    for key in (dict(activation='gelu'), dict(norm_cfg=dict(type='GN')), dict(conv_cfg=dict(type='DCN'))):
        with pytest.raises(AssertionError, match=next(iter(key))):
            necks.ReFPN([8, 16], 8, 2, **key)


def test_refpn_has_norms_and_activations_and_takes_the_tensors_of_e2cnn():
    neck = ReFPN([8, 16], 8, 3, norm_cfg=dict(type='BN'), no_norm_on_lateral=True, activation='relu')
    assert list(neck.lateral_convs[0]._modules) == ['conv', 'activate']
    assert list(neck.fpn_convs[0]._modules) == ['conv', 'bn', 'activate']
    assert neck.fpn_convs[0].conv.bias is None
    maps = [torch.randn(1, 8, 8, 8), torch.randn(1, 16, 4, 4)]
    fields = [enn.GeometricTensor(x, build_enn_divide_feature(x.size(1))) for x in maps]
    outs = neck(fields)
    assert [tuple(x.shape) for x in outs] == [(1, 8, s, s) for s in (8, 4, 2)]
    assert all((x >= 0).all() for x in outs)
    torch.testing.assert_close(outs, neck(maps))


MORE = {
    'ChannelMapper': dict(out_channels=64, num_outs=5, norm_cfg=dict(type='BN')),
    'NASFPN': dict(out_channels=64, num_outs=5, stack_times=2, norm_cfg=dict(type='BN')),
    'BFP': dict(num_levels=5, refine_type='non_local'),
}


@pytest.mark.parametrize('kind', MORE)
def test_further_necks_in_a_detector(kind):
    cfg = zoo.tiny('rotated_retinanet_obb', 'le90')
    if kind == 'BFP':  # behind a pyramid
        cfg['neck'] = [cfg['neck'], dict(type=kind, in_channels=64, **MORE[kind])]
    else:
        cfg['neck'] = dict(type=kind, in_channels=[8, 16, 32, 64], **MORE[kind])
    model = build_detector(cfg)
    model.init_weights()
    losses = model.train_step(zoo.batch((2, 1), (64, 96), 'le90'), None)
    losses['loss'].backward()
    assert losses['loss'].isfinite()
    assert all(p.grad is not None for p in model.neck.parameters())


@pytest.mark.parametrize(
    'wrong',
    [
        dict(type='ChannelMapper', in_channels=[8, 8], out_channels=8, num_outs=1),
        dict(type='BFP', in_channels=8, num_levels=2),
        dict(type='BFP', in_channels=8, num_levels=3, refine_type='more'),
        dict(type='NASFPN', in_channels=[8, 8, 8], out_channels=8, num_outs=4, stack_times=1),
        dict(type='NASFPN', in_channels=[8, 8, 8], out_channels=8, num_outs=5, stack_times=1, end_level=1),
    ],
)
def test_further_necks_refuse_what_does_not_fit(wrong):
    with pytest.raises(AssertionError):
        build_neck(wrong)
