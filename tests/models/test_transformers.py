"""Swin Transformer, ConvNeXt and any model of timm, against timm."""

import re

import pytest
import timm
import torch
from timm.models.convnext import ConvNeXt
from timm.models.swin_transformer import SwinTransformer
from torch import nn
from torch.nn import functional as F

from mmrotate.models import build_backbone
from mmrotate.utils.checkpoint import CheckpointError
from mmrotate.utils.errors import ArgumentError

SWIN = dict(type='SwinTransformer', embed_dims=8, depths=(2, 2), num_heads=(2, 4))
SWIN |= dict(out_indices=(0, 1))
SIZE = (112, 168)  # maps that the windows of 7 x 7 fill; timm pads behind the shift, the authors before


def _original_keys(peer: nn.Module) -> dict:
    """timm's weights as the authors publish them: the merging of patches ends a stage."""
    return {
        re.sub(r'layers\.1\.downsample', 'layers.0.downsample', key): value for key, value in peer.state_dict().items()
    }


def test_swin_with_original_weights(tmp_path) -> None:
    peer = SwinTransformer(img_size=SIZE, embed_dim=8, depths=(2, 2), num_heads=(2, 4), window_size=7).eval()
    for parameter in peer.parameters():
        nn.init.normal_(parameter, std=0.2)
    torch.save(dict(model=_original_keys(peer)), tmp_path / 'swin.pth')
    weights = dict(type='Pretrained', checkpoint=str(tmp_path / 'swin.pth'))
    ours = build_backbone(dict(SWIN, convert_weights=True, init_cfg=weights)).eval()
    ours.init_weights()
    img = torch.randn(2, 3, *SIZE)
    x = peer.patch_embed(img)
    for got, layer in zip(ours(img), peer.layers, strict=True):
        x = layer(x)
        expected = F.layer_norm(x, x.shape[-1:]).permute(0, 3, 1, 2)
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    'cfg',
    [SWIN, dict(type='ConvNeXt', arch=dict(depths=[1, 2], channels=[8, 16]), out_indices=(0, 1))],
    ids=lambda cfg: cfg['type'],
)
def test_frozen_stages_and_saved_memory(cfg: dict) -> None:
    img = torch.randn(1, 3, 50, 70)
    grads = []
    for with_cp in (False, True):
        torch.manual_seed(0)
        net = build_backbone(dict(cfg, frozen_stages=1, with_cp=with_cp)).train()
        torch.manual_seed(1)
        outs = net(img)
        # at the borders Swin pads, ConvNeXt cuts
        sizes = [(13, 18), (7, 9)] if cfg is SWIN else [(12, 17), (6, 8)]
        assert [tuple(x.shape[2:]) for x in outs] == sizes
        sum(x.sum() for x in outs).backward()
        grads.append([p.grad for p in net.parameters() if p.requires_grad])
    for a, b in zip(*grads, strict=True):
        torch.testing.assert_close(a, b)
    frozen = {name for name, p in net.named_parameters() if not p.requires_grad}
    assert any(name.startswith('stages.0.') for name in frozen)
    assert not any(name.startswith('stages.1.') for name in frozen)


def test_swin_errors() -> None:
    with pytest.raises(ValueError, match='use_abs_pos_embed=True is not there, only False'):
        build_backbone(dict(SWIN, use_abs_pos_embed=True))
    build_backbone(dict(SWIN, strides=[4, 2, 2, 2], act_cfg=dict(type='GELU')))


def _mmcls_key(key: str) -> str:
    for old, new in (
        (r'^stem\.', 'downsample_layers.0.'),
        (r'^stages\.(\d)\.downsample\.', r'downsample_layers.\1.'),
        (r'\.blocks\.', '.'),
        (r'conv_dw', 'depthwise_conv'),
        (r'mlp\.fc', 'pointwise_conv'),
    ):
        key = re.sub(old, new, key)
    return key


def test_convnext_is_timms() -> None:
    depths, channels = (1, 2, 1, 1), (8, 16, 24, 32)
    peer = ConvNeXt(depths=depths, dims=channels).eval()
    for parameter in peer.parameters():
        nn.init.normal_(parameter, std=0.3)
    ours = build_backbone(
        dict(type='mmcls.ConvNeXt', arch=dict(depths=depths, channels=channels), out_indices=3)
    ).eval()
    state = {_mmcls_key(k): v for k, v in peer.state_dict().items() if not k.startswith('head')}
    keys = ours.load_state_dict(state, strict=False)
    assert keys.missing_keys == ['norm3.weight', 'norm3.bias'] and not keys.unexpected_keys
    img = torch.randn(2, 3, 64, 96)
    x = peer.forward_features(img).permute(0, 2, 3, 1)
    expected = F.layer_norm(x, (32,), eps=1e-6).permute(0, 3, 1, 2)
    torch.testing.assert_close(ours(img)[0], expected, rtol=1e-4, atol=1e-4)


def test_convnext_errors() -> None:
    with pytest.raises(AssertionError, match='huge'):
        build_backbone(dict(type='ConvNeXt', arch='huge'))
    with pytest.raises(ValueError, match='gap_before_final_norm'):
        build_backbone(dict(type='ConvNeXt', gap_before_final_norm=True))


@pytest.mark.parametrize('name', ['resnet18', 'mobilenetv3_small_050', 'swin_tiny_patch4_window7_224'])
def test_any_model_of_timm(name: str) -> None:
    chosen = dict(out_indices=(1, 2)) | (dict(img_size=64) if 'swin' in name else {})
    ours = build_backbone(dict(type='TIMMBackbone', model_name=name, features_only=True, **chosen)).eval()
    peer = timm.create_model(name, features_only=True, **chosen).eval()
    peer.load_state_dict(ours.timm_model.state_dict())
    img = torch.randn(1, 3, 64, 64)
    channels = peer.feature_info.channels()
    for got, want, width in zip(ours(img), peer(img), channels, strict=True):
        assert got.shape[1] == width and got.shape[2] == got.shape[3]
        torch.testing.assert_close(got, want if want.shape[1] == width else want.permute(0, 3, 1, 2))


@pytest.mark.parametrize(('name', 'head'), [('resnet10t', 'fc.weight'), ('convnext_atto', 'head.fc.weight')])
@pytest.mark.parametrize('features_only', [True, False])
def test_checkpoint_of_a_whole_classifier(name, head, features_only, tmp_path, caplog) -> None:
    peer = timm.create_model(name, num_classes=7).eval()
    torch.save(peer.state_dict(), tmp_path / 'full.pth')
    cfg = dict(type='TIMMBackbone', model_name=name, features_only=features_only)
    ours = build_backbone(dict(cfg, checkpoint_path=str(tmp_path / 'full.pth'))).eval()
    img = torch.randn(1, 3, 64, 64)
    want = peer.forward_intermediates(img, norm=False, intermediates_only=True)[-1]
    torch.testing.assert_close(ours(img)[-1], want if features_only else peer.forward_features(img))
    assert head in caplog.text and 'missing' not in caplog.text


def test_checkpoint_of_another_model_of_timm_is_refused(tmp_path) -> None:
    torch.save(dict(weight=torch.ones(3)), tmp_path / 'other.pth')
    cfg = dict(type='TIMMBackbone', model_name='resnet10t', features_only=True)
    with pytest.raises(CheckpointError, match=r'no weight of .*other\.pth fits'):
        build_backbone(dict(cfg, checkpoint_path=str(tmp_path / 'other.pth')))


def test_the_last_map_of_a_model_of_timm() -> None:
    net = build_backbone(dict(type='TIMMBackbone', model_name='resnet18', in_channels=1))
    assert not hasattr(net.timm_model, 'fc')
    assert [tuple(x.shape) for x in net(torch.randn(2, 1, 64, 96))] == [(2, 512, 2, 3)]


def test_models_of_timm_recompute_their_activations() -> None:
    cfg = dict(type='TIMMBackbone', model_name='resnet10t')
    plain = build_backbone(cfg).eval()
    again = build_backbone(dict(cfg, with_cp=True)).eval()
    again.load_state_dict(plain.state_dict())
    assert again.timm_model.grad_checkpointing and not plain.timm_model.grad_checkpointing
    img = torch.randn(1, 3, 64, 64)
    for net in (plain, again):
        net(img)[-1].sum().backward()
    for one, other in zip(plain.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)
    with pytest.raises(ArgumentError, match='cannot recompute'):
        build_backbone(dict(type='TIMMBackbone', model_name='test_vit', features_only=True, with_cp=True))
