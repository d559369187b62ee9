"""ResNet and its kin: keys of torchvision, frozen parts, saved memory."""

import pytest
import torch
import torchvision
from torch import nn

from mmrotate.models import backbones, build_backbone
from mmrotate.utils.fuse import fuse_conv_bn


@pytest.mark.parametrize(
    ('name', 'cfg'),
    [
        *((f'resnet{depth}', dict(type='ResNet', depth=depth)) for depth in (18, 34, 50, 101)),
        ('resnext50_32x4d', dict(type='ResNeXt', depth=50, groups=32, base_width=4)),
    ],
)
def test_same_maps_as_torchvision_with_its_weights(name: str, cfg: dict) -> None:
    peer = getattr(torchvision.models, name)().eval()
    ours = build_backbone(cfg).eval()
    missing, unexpected = ours.load_state_dict(peer.state_dict(), strict=False)
    assert not missing
    assert unexpected == ['fc.weight', 'fc.bias']
    img = torch.randn(1, 3, 64, 96)
    x = peer.maxpool(peer.relu(peer.bn1(peer.conv1(img))))
    for got, stage in zip(ours(img), ['layer1', 'layer2', 'layer3', 'layer4'], strict=True):
        x = getattr(peer, stage)(x)
        torch.testing.assert_close(got, x)


def test_frozen_stages_and_norm_eval() -> None:
    net = build_backbone(dict(type='ResNet', depth=18, frozen_stages=1)).train()
    frozen = {name for name, p in net.named_parameters() if not p.requires_grad}
    assert all(n.startswith(('conv1', 'bn1', 'layer1')) for n in frozen)
    assert {'conv1.weight', 'layer1.1.conv2.weight'} <= frozen
    assert not any(m.training for m in net.modules() if isinstance(m, nn.BatchNorm2d))
    free = build_backbone(dict(type='ResNet', depth=18, norm_eval=False)).train()
    assert all(m.training for m in free.modules())
    assert all(p.requires_grad for p in free.parameters())


def test_recomputing_activations_changes_no_gradient() -> None:
    img = torch.randn(1, 3, 64, 64)
    grads = []
    for with_cp in (False, True):
        torch.manual_seed(0)
        net = build_backbone(dict(type='ResNet', depth=18, with_cp=with_cp)).train()
        sum(x.sum() for x in net(img)).backward()
        grads.append([p.grad for p in net.parameters()])
    for a, b in zip(*grads, strict=True):
        torch.testing.assert_close(a, b)


def test_caffe_style_strides_first() -> None:
    net = build_backbone(dict(type='ResNet', depth=50, style='caffe'))
    assert net.layer2[0].conv1.stride == (2, 2)
    assert net.layer2[0].conv2.stride == (1, 1)


def test_pretrained_file(tmp_path) -> None:
    peer = torchvision.models.resnet18()
    torch.save(peer.state_dict(), tmp_path / 'r18.pth')
    for key in (
        dict(pretrained=str(tmp_path / 'r18.pth')),
        dict(init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'r18.pth'))),
    ):
        net = build_backbone(dict(type='ResNet', depth=18, **key))
        net.init_weights()
        torch.testing.assert_close(net.layer3[0].conv1.weight, peer.layer3[0].conv1.weight)
        torch.testing.assert_close(net.layer1[0].bn2.weight, peer.layer1[0].bn2.weight)


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        (dict(depth=19), 'depth=19'),
        (dict(depth=18, style='tensorflow'), 'tensorflow'),
        (dict(depth=18, num_stages=2), 'out_indices'),
    ],
)
def test_errors(wrong: dict, message: str) -> None:
    with pytest.raises((KeyError, ValueError), match=message):
        build_backbone(dict(type='ResNet', **wrong))


RERESNET = dict(type='ReResNet', depth=18, base_channels=16, out_indices=(0, 1))


def test_reresnet_turns_with_the_image() -> None:
    net = build_backbone(RERESNET).double().eval()
    img = torch.randn(1, 3, 65, 65, dtype=torch.double)  # strides keep the centre of odd sides
    for got, x in zip(net(img.rot90(1, (2, 3))), net(img), strict=True):
        expected = x.rot90(1, (2, 3)).unflatten(1, (-1, 8)).roll(2, 2).flatten(1, 2)
        torch.testing.assert_close(got, expected)


def test_reresnet_trains_and_its_frozen_stages_do_not() -> None:
    net = build_backbone(dict(RERESNET, frozen_stages=1))
    before = {key: value.clone() for key, value in net.state_dict().items()}
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(2):
        net.train()
        assert not net.layer1.training and net.layer2.training
        sum(x.square().mean() for x in net(torch.randn(2, 3, 32, 32))).backward()
        optimizer.step()
        net.eval()
    after = net.state_dict()
    assert set(before) == set(after)
    changed = {key for key in after if not torch.equal(before[key], after[key])}
    assert {'layer2.0.conv1.weights', 'layer2.0.conv1.filter'} <= changed
    assert not any(key.startswith(('conv1', 'bn1', 'layer1')) for key in changed)


IMAGE = torch.randn(1, 3, 64, 64)


@pytest.mark.parametrize('kind', ['ResNet', 'ReResNet'])
@pytest.mark.parametrize('depth', [18, 50])
def test_options_of_resnets_are_obeyed(kind: str, depth: int) -> None:
    cfg = dict(type=kind, depth=depth, base_channels=16, stem_channels=32, conv_cfg=None, out_indices=(0, 1, 2, 3))
    net = build_backbone(dict(cfg, strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4), avg_down=True, deep_stem=True))
    names = {name.rpartition('.')[0] for name in net.state_dict()}
    assert {'stem.0', 'layer2.0.downsample.1'} <= {name.partition('._')[0] for name in names}
    assert not any(name.startswith('conv1') for name in names)
    assert net.norm1 is net.stem[-2]
    conv = net.layer4[1].conv2 if depth == 50 else net.layer4[1].conv1
    assert conv.dilation in (4, (4, 4))
    maps = net.eval()(IMAGE)
    assert [tuple(x.shape[2:]) for x in maps] == [(16, 16), (8, 8), (8, 8), (8, 8)]
    net = build_backbone(cfg)
    assert net.norm1 is net.bn1
    assert net(IMAGE)[0].size(1) == 16 * (4 if depth == 50 else 1)


def test_reresnet_takes_its_arguments_as_documented() -> None:
    head = (18, 3, 32, 16, None, 4, (1, 2, 2, 2), (1, 1, 1, 1))
    net = backbones.ReResNet(*head, (3,), 'pytorch', False, False, -1, None, dict(type='BN', requires_grad=True))
    assert net(IMAGE).shape == (1, 128, 2, 2)  # of one stage the map itself

    class Mine(backbones.ReResNet):
        made = 0

        def make_res_layer(self, **kwargs):
            self.made += 1
            return super().make_res_layer(**kwargs)

    assert Mine(18, base_channels=16).made == 4
    wrong = [dict(expansion=4), dict(norm_cfg=dict(type='GN')), dict(conv_cfg=dict(type='DCN')), dict(strides=(1, 2))]
    for key in wrong:
        with pytest.raises(ValueError, match=next(iter(key))):
            backbones.ReResNet(18, base_channels=16, **key)


SMALL = dict(type='ResNet', depth=50, base_channels=8)


def test_deformable_convolutions_where_they_are_asked_for() -> None:
    net = build_backbone(
        dict(SMALL, dcn=dict(type='DCN', fallback_on_stride=True), stage_with_dcn=(False, True, True, True))
    )
    deformed = {name.rpartition('.')[0] for name, m in net.named_modules() if name.endswith('conv_offset')}
    assert 'layer1.1.conv2' not in deformed
    assert 'layer2.0.conv2' not in deformed and 'layer2.1.conv2' in deformed
    net.init_weights()
    offsets = [m.conv_offset for m in net.modules() if hasattr(m, 'conv_offset')]
    assert all(not p.any() for m in offsets for p in m.parameters())


def test_deformable_convolutions_of_no_stage_are_said(log) -> None:
    build_backbone(dict(SMALL, dcn=dict(type='DCN')))
    assert any('stage_with_dcn names no stage' in record.getMessage() for record in log)


def test_arguments_of_a_resnet_in_the_documented_order() -> None:
    first = (50, 3, 16, 8, 4, (1, 2, 2, 2), (1, 1, 1, 1), (3,), 'caffe', True, True, 1, None)
    dcn = (dict(type='DCN'), (False, False, False, True))
    net = backbones.ResNet(*first, dict(type='BN'), False, *dcn, None, True, False, None, None)
    assert (net.frozen_stages, net.norm_eval, net.with_cp, net.zero_init_residual) == (1, False, True, False)
    assert hasattr(net.layer4[0].conv2, 'conv_offset') and not hasattr(net.layer3[0].conv2, 'conv_offset')


def test_offsets_of_the_oldest_checkpoints() -> None:
    cfg = dict(SMALL, dcn=dict(type='DCNv2'), stage_with_dcn=(True,) * 4)
    net, peer = build_backbone(cfg), build_backbone(cfg)
    state = {
        key.replace('.conv_offset', '_offset'): torch.randn_like(v.float()) for key, v in peer.state_dict().items()
    }
    result = net.load_state_dict(state)
    assert not result.missing_keys and not result.unexpected_keys
    torch.testing.assert_close(net.layer1[0].conv2.conv_offset.weight, state['layer1.0.conv2_offset.weight'])


def test_plugins_change_nothing_at_first_and_learn() -> None:
    plugins = [
        dict(cfg=dict(type='ContextBlock', ratio=0.25), stages=(False, True, True, True), position='after_conv3'),
        dict(cfg=dict(type='GeneralizedAttention', num_heads=4), position='after_conv2', stages=(True,) * 4),
    ]
    plain, net = build_backbone(SMALL).eval(), build_backbone(dict(SMALL, plugins=plugins, with_cp=True))
    assert net.make_stage_plugins(plugins, 0) == [dict(cfg=plugins[1]['cfg'], position='after_conv2')]
    net.init_weights()
    net.load_state_dict(plain.state_dict(), strict=False)
    for got, expected in zip(net.eval()(IMAGE), plain(IMAGE), strict=True):
        torch.testing.assert_close(got, expected)
    sum(x.sum() for x in net.train()(IMAGE)).backward()
    assert net.layer2[0].context_block.channel_add_conv[-1].bias.grad.abs().sum() > 0
    assert net.layer1[0].gen_attention_block.gamma.grad.abs().sum() > 0


def test_plugins_of_a_stage_as_documented() -> None:
    plugins = [
        dict(cfg=dict(type='xxx', arg1='xxx'), stages=(False, True, True, True), position='after_conv2'),
        dict(cfg=dict(type='yyy'), stages=(True, True, True, True), position='after_conv3'),
        dict(cfg=dict(type='zzz', postfix='1'), stages=(True, True, True, True), position='after_conv3'),
        dict(cfg=dict(type='zzz', postfix='2'), stages=(True, True, True, True), position='after_conv3'),
    ]
    net = build_backbone(dict(type='ResNet', depth=18))
    assert [plugin['cfg']['type'] for plugin in net.make_stage_plugins(plugins, 0)] == ['yyy', 'zzz', 'zzz']
    assert len(net.make_stage_plugins(plugins, 1)) == 4


def test_a_plugin_of_ones_own() -> None:
    class RGBGate(nn.Module):
        def __init__(self, in_channels: int, factor: float) -> None:
            super().__init__()
            self.factor, self.channels = factor, in_channels

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.factor

    cfg = dict(type=RGBGate, factor=0.0)
    plugins = [dict(cfg=dict(cfg, postfix=i), position=f'after_conv{i}', stages=(i == 3, True, 0, 0)) for i in (2, 3)]
    net = build_backbone(dict(SMALL, plugins=plugins))
    assert (net.layer2[0].rgb_gate2.channels, net.layer2[0].rgb_gate3.channels) == (16, 64)
    assert not hasattr(net.layer1[0], 'rgb_gate2')
    x = torch.randn(1, 8, 16, 16)
    block = net.layer1[0]
    torch.testing.assert_close(block(x), block.downsample(x).relu())  # the rest of the block counts nothing


def test_a_range_of_attention_from_an_older_checkpoint() -> None:
    block = build_backbone(dict(type='GeneralizedAttention', in_channels=8, num_heads=2, spatial_range=1))
    state = dict(block.state_dict(), local_constraint_map=torch.zeros(2, 2))
    assert not block.load_state_dict(state).unexpected_keys


@pytest.mark.parametrize('kind', ['ResNetV1c', 'ResNetV1d'])
def test_variants(kind: str) -> None:
    net = build_backbone(dict(type=kind, depth=18, base_channels=8))
    assert net.deep_stem
    assert isinstance(net.layer2[0].downsample[0], nn.AvgPool2d) == (kind == 'ResNetV1d')


@pytest.mark.parametrize('norm', ['SyncBN', 'MMSyncBN'])
def test_norms_over_processes(norm: str) -> None:
    net = build_backbone(dict(SMALL, norm_cfg=dict(type=norm, requires_grad=True)))
    assert isinstance(net.bn1, nn.SyncBatchNorm)


def test_standardised_filters_are_not_folded() -> None:
    net = build_backbone(dict(SMALL, conv_cfg=dict(type='ConvWS'))).eval()
    expected = net(IMAGE)
    for got, x in zip(fuse_conv_bn(net)(IMAGE), expected, strict=True):
        torch.testing.assert_close(got, x)


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        (dict(depth=18, dcn=dict(type='DCN'), stage_with_dcn=(True,) * 4), 'depth 50'),
        (dict(conv_cfg=dict(type='ConvWS'), dcn=dict(type='DCN'), stage_with_dcn=(True,) * 4), 'do not go together'),
        (dict(plugins=[dict(cfg=dict(type='ContextBlock', ratio=1), position='after_conv4')]), 'after_conv4'),
        (dict(plugins=[dict(cfg=dict(type='NonLocal2d'), position='after_conv1')] * 2), 'postfix'),
        (dict(plugins=[dict(cfg=dict(type='NonLocal2d'), position='after_conv1', stages=(True,))]), 'each stage'),
        (dict(plugins=[dict(cfg=dict(type='NonLocal2d', mode='x'), position='after_conv1')]), 'mode'),
        (dict(plugins=[dict(cfg=dict(type='ContextBlock', ratio=1, pooling_type='x'), position='after_conv1')]), 'att'),
        (
            dict(plugins=[dict(cfg=dict(type='GeneralizedAttention', attention_type='2'), position='after_conv1')]),
            'digits',
        ),
    ],
)
def test_options_that_do_not_fit(wrong: dict, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        build_backbone(dict(SMALL, **wrong))


@pytest.mark.parametrize('kind', ['ResNet', 'ReResNet', 'MobileNetV2'])
def test_pretrained_is_a_name(kind: str) -> None:
    settings = {} if kind == 'MobileNetV2' else dict(depth=18)
    with pytest.raises(TypeError, match='pretrained must be'):
        build_backbone(dict(type=kind, pretrained=0, **settings))
