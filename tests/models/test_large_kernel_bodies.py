"""LSKNet, StripNet and PKINet, and the box head of Strip R-CNN, as parts of any detector."""

import pytest
import torch

from mmrotate.models.builder import build_backbone, build_head
from mmrotate.models.complexity import count_operations
from mmrotate.utils import UserError

TINY = dict(embed_dims=[32, 64, 160, 256], depths=[3, 3, 5, 2])
SMALL = dict(embed_dims=[64, 128, 320, 512], depths=[2, 2, 4, 2])
MINI = {
    'LSKNet': dict(type='LSKNet', embed_dims=[8, 16], mlp_ratios=[2, 2], depths=[1, 2], out_indices=(0, 1)),
    'StripNet': dict(
        type='StripNet', embed_dims=[8, 16], mlp_ratios=[2, 2], depths=[1, 2], out_indices=(1,), k1s=[1, 3], k2s=[5, 5]
    ),
    'PKINet': dict(type='PKINet', arch=dict(channels=[4, 8, 16, 16, 16], depths=[1, 2, 1, 1]), out_indices=(0, 2)),
}


# millions of weights and billions of multiply-adds for 1024x1024, by the papers; those of LSKNet have a classifier
@pytest.mark.parametrize(
    ('cfg', 'weights', 'operations'),
    [
        (dict(type='LSKNet', **TINY), 4.3 - 0.26, 19.1),
        (dict(type='LSKNet', **SMALL), 14.4 - 0.51, 54.4),
        (dict(type='StripNet', **TINY), 3.8, 18.2),
        (dict(type='StripNet', **SMALL), 13.3, 52.3),
        (dict(type='PKINet', arch='T'), 4.13, 22.7),
        pytest.param(dict(type='PKINet', arch='S'), 13.69, 70.2, marks=pytest.mark.slow),
    ],
)
def test_as_large_as_published(cfg, weights, operations):
    with torch.device('meta'):
        body = build_backbone(cfg).eval()
    assert sum(p.numel() for p in body.parameters()) / 1e6 == pytest.approx(weights, rel=0.015)
    # the papers' counters add what looks at each value once
    assert 0.9 < count_operations(body, body, (3, 1024, 1024)) / 1e9 / operations < 1


@pytest.mark.parametrize('kind', MINI)
def test_maps_and_frozen_stages(kind):
    body = build_backbone(dict(MINI[kind], frozen_stages=1, norm_eval=True)).train()
    maps = body(torch.randn(2, 3, 64, 96))
    shapes = {
        'LSKNet': [(2, 8, 16, 24), (2, 16, 8, 12)],
        'StripNet': [(2, 16, 8, 12)],
        'PKINet': [(2, 4, 32, 48), (2, 16, 8, 12)],
    }
    assert [tuple(each.shape) for each in maps] == shapes[kind]
    sum(each.sum() for each in maps).backward()
    second = ('stages.2.', 'stages.3', 'stages.4') if kind == 'PKINet' else ('patch_embed2', 'block2', 'norm2')
    assert all(p.requires_grad == name.startswith(second) for name, p in body.named_parameters())
    assert all(not norm.training for norm in body.modules() if isinstance(norm, torch.nn.BatchNorm2d))


@pytest.mark.parametrize('kind', MINI)
def test_recomputing_activations_changes_no_gradient(kind):
    body = build_backbone(dict(MINI[kind], norm_eval=True, drop_path_rate=0.0)).train()
    for module in body.modules():
        if isinstance(module, torch.nn.Dropout):
            module.eval()
    found = []
    for again in (False, True):
        body.zero_grad()
        body.with_cp = again
        sum(each.square().mean() for each in body(torch.ones(1, 3, 32, 32))).backward()
        found.append([p.grad.clone() for p in body.parameters() if p.grad is not None])
    torch.testing.assert_close(*found)


def test_paths_are_dropped_in_training_alone():
    body = build_backbone(dict(MINI['LSKNet'], drop_path_rate=0.9, norm_eval=True))
    image = torch.randn(1, 3, 32, 32)
    torch.testing.assert_close(body.eval()(image), body(image))
    assert any(not torch.equal(body.train()(image)[1], body(image)[1]) for _ in range(5))


def test_sizes_that_are_not_there():
    with pytest.raises(UserError, match="arch='XL': a PKINet is one of"):
        build_backbone(dict(type='PKINet', arch='XL'))
    with pytest.raises(UserError, match='out_indices must be of 0 to 3, got'):
        build_backbone(dict(type='LSKNet', out_indices=(4,)))
    with pytest.raises(UserError, match='StripHead predicts classes and boxes'):
        build_head(dict(type='StripHead', with_reg=False))


def test_strip_head_predicts_a_box_for_each_class():
    coder = dict(type='DeltaXYWHAOBBoxCoder', angle_range='le90', target_means=(0.0,) * 5, target_stds=(1.0,) * 5)
    head = build_head(
        dict(type='StripHead', num_classes=3, in_channels=8, conv_out_channels=8, fc_out_channels=6, bbox_coder=coder)
    )
    for name, layer in dict(xy_wh=head.fc_reg_xy_wh, theta=head.fc_reg_theta).items():
        torch.nn.init.zeros_(layer.weight)
        layer.bias.data = torch.arange(len(layer.bias)).float() + (100 if name == 'theta' else 0)
    scores, deltas = head(torch.randn(2, 8, 7, 7))
    assert scores.shape == (2, 4)
    assert deltas[0].tolist() == [0, 1, 2, 3, 100, 4, 5, 6, 7, 101, 8, 9, 10, 11, 102]
    # of checkpoints alone, so that no process waits for its gradient
    assert [name for name, p in head.named_parameters() if not p.requires_grad] == ['fc_reg.weight', 'fc_reg.bias']
