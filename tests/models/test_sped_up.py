"""Every method and body, sped up, against itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mmrotate.apis import inference_detector, init_detector
from mmrotate.models import build_backbone, build_detector
from mmrotate.utils.fuse import Speedups, sped_up
from tests.helpers import reference, zoo

_PLUGIN: dict[str, Any] = dict(stages=(True,) * 4)
_RESNET = dict(type='ResNet', depth=50, base_channels=8)
_DEPTHWISE = dict(embed_dims=[8, 16], mlp_ratios=[2, 2], depths=[1, 1], out_indices=(0, 1))
BODIES = {
    'resnet': dict(_RESNET, style='caffe'),
    'after_conv2': dict(
        _RESNET, plugins=[dict(_PLUGIN, cfg=dict(type='GeneralizedAttention', num_heads=4), position='after_conv2')]
    ),
    'after_conv3': dict(
        _RESNET, plugins=[dict(_PLUGIN, cfg=dict(type='ContextBlock', ratio=0.25), position='after_conv3')]
    ),
    'dcn': dict(_RESNET, dcn=dict(type='DCNv2'), stage_with_dcn=(False, True, True, True)),
    'resnetv1d': dict(type='ResNetV1d', depth=18, base_channels=8),
    'resnext': dict(type='ResNeXt', depth=50, groups=4, base_width=4),
    'paddle': dict(type='ResNetV1dPaddle', depth=18),
    'darknet': dict(type='Darknet', out_indices=(1, 2)),
    'csp': dict(type='CSPDarknet', deepen_factor=0.33, widen_factor=0.125),
    'cspnext': dict(type='CSPNeXt', deepen_factor=0.167, widen_factor=0.125),
    'mobile': dict(type='MobileNetV2', widen_factor=0.25),
    'efficient': dict(type='EfficientNet'),
    'lite': dict(type='EfficientNetLite'),
    'lsk': dict(_DEPTHWISE, type='LSKNet'),
    'strip': dict(_DEPTHWISE, type='StripNet', k1s=[1, 3], k2s=[5, 5]),
    'pki': dict(type='PKINet', arch=dict(channels=[4, 8, 16, 16, 16], depths=[1, 2, 1, 1])),
}
IMAGES = torch.randn(1, 3, 64, 96)


def randomised(model: nn.Module) -> nn.Module:
    """The model in eval mode, with norms that do something."""
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.SyncBatchNorm)):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
    return model.eval()


def _both(model: nn.Module, run: Callable[[torch.Tensor], Any]) -> tuple[dict, dict, int]:
    """Outputs of the plain model and of the one sped up, and the norms that this one still has."""
    with torch.no_grad():
        expected = reference.flatten(run(IMAGES))
        with sped_up(model, Speedups()):
            norms = sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())
            return expected, reference.flatten(run(IMAGES)), norms


@pytest.mark.parametrize('name', BODIES)
def test_bodies(name: str) -> None:
    expected, got, norms = _both(model := randomised(build_backbone(BODIES[name])), model)
    for wanted, found in zip(expected.values(), got.values(), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5 * float(wanted.abs().max()))
    # these have norms before convolutions, and sums of convolutions before norms
    assert norms == {'lsk': 4, 'strip': 4, 'pki': 10}.get(name, 0)


@pytest.mark.parametrize('method', ['oriented_rcnn', 'rotated_fcos', 's2anet', 'oriented_reppoints', 'o2_rtdetr'])
def test_detectors(method: str) -> None:
    model = build_detector(zoo.tiny(method))
    model.init_weights()
    expected, got, norms = _both(randomised(model), model.forward_dummy)
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-4)
    assert norms == 0


def test_the_shipped_detector_gives_the_same_boxes() -> None:
    name, image = 'oriented_rcnn_r18_half_fpn_hit_uav_le90', sorted(Path('tests/data/hit_uav').rglob('*.jpg'))[0]
    model = init_detector(f'configs/hit_uav/{name}.py', f'demo/{name}.pth', 'cpu')
    keys, faster = list(model.state_dict()), inference_detector(model, str(image))
    assert list(model.state_dict()) == keys
    plain = init_detector(
        *(f'configs/hit_uav/{name}.py', f'demo/{name}.pth', 'cpu', {'fuse_conv_bn': False, 'channels_last': False})
    )
    assert plain.speedups == (False, False) and model.speedups == (True, True)
    assert sum(map(len, faster))
    for got, wanted in zip(faster, inference_detector(plain, str(image)), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-4)
