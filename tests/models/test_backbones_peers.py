"""Swin, ConvNeXt, ResNeXt and timm's models against independent implementations."""

import re

import pytest
import timm
import torch
import torchvision
from torch import nn

from mmrotate.models import build_backbone

SIZE = (1, 3, 252, 332)  # maps of odd sizes, which no window divides


def _swin_original(peer: nn.Module) -> dict:
    """torchvision's weights under the keys of the original implementation."""
    rules = [
        (r'^features\.0\.0\.', 'patch_embed.proj.'),
        (r'^features\.0\.2\.', 'patch_embed.norm.'),
        (r'\.mlp\.0\.', '.mlp.fc1.'),
        (r'\.mlp\.3\.', '.mlp.fc2.'),
        (r'^features\.([1357])\.(\d+)\.', lambda m: f'layers.{int(m[1]) // 2}.blocks.{m[2]}.'),
        (r'^features\.([246])\.', lambda m: f'layers.{int(m[1]) // 2 - 1}.downsample.'),
    ]
    state = {}
    for key, value in peer.state_dict().items():
        for pattern, new in rules:
            key = re.sub(pattern, new, key)
        state[key] = value.view(49, 49) if key.endswith('position_index') else value
    return state


def test_swin_reads_the_original_checkpoints(tmp_path) -> None:
    peer = torchvision.models.swin_t().eval()
    for name, parameter in peer.named_parameters():
        if 'norm' in name:  # of ones and zeros any order would do
            nn.init.normal_(parameter, 0.5, 0.2)
    torch.save({'model': _swin_original(peer)}, tmp_path / 'swin.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'swin.pth'))
    ours = build_backbone(dict(type='SwinTransformer', convert_weights=True, init_cfg=init_cfg))
    ours.init_weights()
    img = torch.randn(SIZE)
    with torch.no_grad():
        x, maps = img, ours.eval()(img)
        for i, layer in enumerate(peer.features):
            x = layer(x)
            if i % 2:
                want = nn.functional.layer_norm(x, x.shape[-1:]).permute(0, 3, 1, 2)
                torch.testing.assert_close(maps[i // 2], want, rtol=1e-3, atol=1e-3)


def test_convnext_is_torchvisions() -> None:
    peer = torchvision.models.convnext_tiny().eval()
    ours = build_backbone(dict(type='ConvNeXt', arch='tiny')).eval()
    names = {'block.0': 'depthwise_conv', 'block.2': 'norm', 'layer_scale': 'gamma'}
    names |= {'block.3': 'pointwise_conv1', 'block.5': 'pointwise_conv2'}
    state = {}
    for key, value in peer.state_dict().items():
        if key.startswith('features.'):
            _, i, rest = key.split('.', 2)
            for old, new in names.items():
                rest = rest.replace(old, new)
            folder = 'stages' if int(i) % 2 else 'downsample_layers'
            state[f'{folder}.{int(i) // 2}.{rest}'] = value.flatten() if 'gamma' in rest else value
    missing, unexpected = ours.load_state_dict(state, strict=False)
    assert unexpected == []
    assert {key.split('.')[0] for key in missing} == {'norm0', 'norm1', 'norm2', 'norm3'}
    img = torch.randn(1, 3, 96, 64)
    with torch.no_grad():
        want = ours.norm3(peer.features(img))
        torch.testing.assert_close(ours(img)[3], want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(('depth', 'width'), [(50, '32x4d'), (101, '32x8d')])
def test_resnext_has_torchvisions_keys_and_shapes(depth: int, width: str) -> None:
    groups, base_width = (int(n) for n in re.findall(r'\d+', width))
    with torch.device('meta'):
        ours = build_backbone(dict(type='ResNeXt', depth=depth, groups=groups, base_width=base_width)).state_dict()
        peer = getattr(torchvision.models, f'resnext{depth}_{width}')().state_dict()
    shapes = {key: v.shape for key, v in peer.items() if not key.startswith('fc.')}
    assert {key: v.shape for key, v in ours.items()} == shapes


@pytest.mark.parametrize(
    ('name', 'args', 'stride'), [('resnet10t', {}, 2), ('swin_tiny_patch4_window7_224', dict(img_size=64), 4)]
)
def test_any_model_of_timm_gives_maps(name: str, args: dict, stride: int) -> None:
    cfg = dict(type='TIMMBackbone', model_name=name, features_only=True, **args)
    ours = build_backbone(cfg).eval()
    img = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        maps = ours(img)
    channels = ours.timm_model.feature_info.channels()
    expected = [(1, c, 64 // stride // 2**i, 64 // stride // 2**i) for i, c in enumerate(channels)]
    assert [tuple(m.shape) for m in maps] == expected


def test_last_map_of_timm_has_no_head() -> None:
    ours = build_backbone(dict(type='TIMMBackbone', model_name='resnet10t')).eval()
    peer = timm.create_model('resnet10t').eval()
    peer.load_state_dict(ours.timm_model.state_dict(), strict=False)
    img = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(img)[0], peer.forward_features(img))
    assert not any(key.startswith('timm_model.fc') for key in ours.state_dict())


NARROW = {
    'swin': dict(type='SwinTransformer', embed_dims=12, depths=(1, 1), num_heads=(1, 2)) | dict(out_indices=(0, 1)),
    'convnext': dict(type='ConvNeXt', arch=dict(depths=[1, 1], channels=[8, 16])) | dict(out_indices=(0, 1)),
}


@pytest.mark.parametrize('name', NARROW)
def test_frozen_stages_and_recomputed_activations(name: str) -> None:
    img = torch.randn(1, 3, 61, 45)
    grads = []
    for with_cp in (False, True):
        torch.manual_seed(0)
        net = build_backbone(dict(NARROW[name], frozen_stages=1, with_cp=with_cp)).train()
        assert not net.stages[0].training
        assert net.stages[1].training
        sum(m.sum() for m in net(img)).backward()
        grads.append({k: p.grad for k, p in net.named_parameters()})
        assert all(p.requires_grad == (p.grad is not None) for p in net.parameters())
    assert any(k.startswith('stages.0') and g is None for k, g in grads[0].items())
    assert all(g is not None for k, g in grads[0].items() if k.startswith('stages.1'))
    for key, grad in grads[0].items():
        torch.testing.assert_close(grads[1][key], grad)


def test_a_prefix_selects_the_backbone_of_a_checkpoint(tmp_path) -> None:
    net = build_backbone(NARROW['convnext'])
    state = {f'backbone.{key}': value for key, value in net.state_dict().items()}
    torch.save(dict(state_dict=state, head=1), tmp_path / 'classifier.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'classifier.pth'))
    other = build_backbone(NARROW['convnext'] | dict(init_cfg=dict(init_cfg, prefix='backbone.')))
    other.init_weights()
    for key, value in net.state_dict().items():
        torch.testing.assert_close(other.state_dict()[key], value)


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        (dict(type='ConvNeXt', arch='huge'), "arch='huge'"),
        (dict(type='ConvNeXt', gap_before_final_norm=True), 'gap_before_final_norm'),
        (dict(type='SwinTransformer', strides=[2, 2, 2, 2]), 'strides'),
        (dict(type='TIMMBackbone', model_name='resnet_9000'), 'resnet_9000'),
    ],
)
def test_what_is_not_there_is_refused(wrong: dict, message: str) -> None:
    with pytest.raises((KeyError, ValueError, RuntimeError), match=message):
        build_backbone(wrong)
