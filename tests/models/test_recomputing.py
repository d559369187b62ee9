"""``with_cp=True``: every body recomputes its activations, and learns what it learns without."""

import pytest
import torch

from mmrotate.models import build_backbone
from mmrotate.models.backbones.base import Backbone
from mmrotate.registry import MODELS

BODIES = {
    'ResNet': dict(depth=18, base_channels=8, num_stages=2, out_indices=(0, 1)),
    'ResNetV1c': dict(depth=18, base_channels=8, num_stages=2, out_indices=(1,)),
    'ResNetV1d': dict(depth=18, base_channels=8, num_stages=2, out_indices=(1,)),
    'ResNetV1dPaddle': dict(depth=18, base_channels=8, num_stages=2, out_indices=(1,)),
    'ResNeXt': dict(depth=50, base_channels=8, groups=2, base_width=4, num_stages=2, out_indices=(1,)),
    'ReResNet': dict(depth=18, base_channels=8, num_stages=2, out_indices=(0, 1)),
    'ConvNeXt': dict(arch=dict(depths=[1, 1], channels=[8, 16]), out_indices=(0, 1)),
    'SwinTransformer': dict(embed_dims=12, depths=(1, 1), num_heads=(1, 2), out_indices=(0, 1)),
    'Darknet': dict(depth=53, out_indices=(1, 2)),
    'CSPDarknet': dict(widen_factor=0.125, deepen_factor=0.33, out_indices=(1, 2)),
    'CSPNeXt': dict(widen_factor=0.125, deepen_factor=0.33, out_indices=(1, 2)),
    'MobileNetV2': dict(widen_factor=0.1, out_indices=(1, 2)),
    'EfficientNet': dict(arch='b0', out_indices=(2, 3)),
    'EfficientNetLite': dict(widen_factor=0.5, out_indices=(2, 3)),
    'LSKNet': dict(embed_dims=[8, 16], mlp_ratios=[2, 2], depths=[1, 2], out_indices=(0, 1)),
    'StripNet': dict(embed_dims=[8, 16], mlp_ratios=[2, 2], depths=[1, 2], out_indices=(1,), k1s=[1, 3], k2s=[5, 5]),
    'PKINet': dict(arch=dict(channels=[4, 8, 16, 16, 16], depths=[1, 1, 1, 1]), out_indices=(0, 2)),
}


def test_no_body_is_left_out():
    build_backbone(dict(BODIES['ResNet'], type='ResNet'))  # which loads all of them
    classes = {name: cls for name, cls in MODELS.module_dict.items() if isinstance(cls, type)}
    ours = {name for name, cls in classes.items() if issubclass(cls, Backbone) and cls.__module__[:9] == 'mmrotate.'}
    assert ours == BODIES.keys()


def trained(body):
    """Number of calls of layers, gradients and statistics of a body after a step."""
    calls = []
    for module in body.modules():
        if not any(module.children()):
            module.register_forward_hook(lambda *given: calls.append(1))
    torch.manual_seed(1)
    maps = body(torch.randn(2, 3, 64, 64))
    sum(each.square().mean() for each in (maps if isinstance(maps, tuple) else [maps])).backward()
    gradients = {name: p.grad for name, p in body.named_parameters() if p.grad is not None}
    return len(calls), gradients, dict(body.named_buffers())


SLOW = ('ReResNet', 'Darknet')


@pytest.mark.parametrize('kind', [pytest.param(k, marks=[pytest.mark.slow] * (k in SLOW)) for k in BODIES])
def test_recomputing_changes_neither_gradients_nor_statistics(kind):
    plain = build_backbone(dict(BODIES[kind], type=kind)).train()
    other = build_backbone(dict(BODIES[kind], type=kind, with_cp=True)).train()
    other.load_state_dict(plain.state_dict())
    calls, gradients, statistics = trained(plain)
    more, again, counted = trained(other)
    assert more > calls
    torch.testing.assert_close(again, gradients)
    torch.testing.assert_close(counted, statistics)
