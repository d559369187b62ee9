"""ResNet and its kin: keys of torchvision, frozen parts, saved memory."""

import pytest
import torch
import torchvision
from torch import nn

from mmrotate.models import backbones, build_backbone


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
