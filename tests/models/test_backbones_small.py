"""MobileNetV2, EfficientNet, Darknet and CSPDarknet beyond what they compute: frozen parts, options, detectors."""

import pytest
import torch

from mmrotate.models import build_backbone, build_detector
from tests.helpers import zoo

TINY = {
    'MobileNetV2': dict(widen_factor=0.1),
    'EfficientNet': dict(arch='b0', out_indices=(2, 3, 4, 5)),
    'CSPDarknet': dict(widen_factor=0.125, deepen_factor=0.33, out_indices=(1, 2, 3, 4)),
}
CHANNELS = {'MobileNetV2': [8, 8, 16, 1280], 'EfficientNet': [24, 40, 112, 320], 'CSPDarknet': [16, 32, 64, 128]}
# stages that are frozen, and where their parameters lie
FROZEN = {
    'MobileNetV2': (1, ('conv1.', 'layer1.')),
    'EfficientNet': (2, ('layers.0.', 'layers.1.')),
    'CSPDarknet': (1, ('stem.', 'stage1.')),
}


@pytest.mark.parametrize('kind', TINY)
def test_in_a_detector(kind):
    cfg = zoo.tiny('rotated_retinanet_obb', 'le90')
    cfg['backbone'] = dict(type=f'mmdet.{kind}', with_cp=True, **TINY[kind])
    cfg['neck']['in_channels'] = CHANNELS[kind]
    model = build_detector(cfg)
    model.init_weights()
    losses = model.train_step(zoo.batch((2, 1), (64, 96), 'le90'), None)
    losses['loss'].backward()
    assert losses['loss'].isfinite()
    strides = [64 // x.size(2) for x in model.backbone(torch.zeros(1, 3, 64, 96))]
    assert strides == [4, 8, 16, 32]


@pytest.mark.parametrize('kind', FROZEN)
def test_frozen_stages(kind):
    count, names = FROZEN[kind]
    net = build_backbone(dict(type=kind, frozen_stages=count, norm_eval=True, **TINY[kind])).train()
    frozen = {name for name, p in net.named_parameters() if not p.requires_grad}
    assert frozen == {name for name, _ in net.named_parameters() if name.startswith(names)}
    assert not any(m.training for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d))


@pytest.mark.parametrize('arch', ['b3', 'em', 'el'])
def test_larger_efficientnets(arch):
    with torch.device('meta'):
        net = build_backbone(dict(type='EfficientNet', arch=arch, drop_path_rate=0.2, out_indices=(5,)))
    blocks = [m for stage in list(net.layers)[1:] for m in stage]
    rates = [m.drop_path.p for m in blocks]
    assert rates[0] == 0 and rates[-1] == pytest.approx(0.2)
    assert rates == sorted(rates)
    if arch != 'b3':  # the second block of the first stage is wider, without a shortcut
        width = 24 if arch == 'em' else 32
        assert blocks[1].conv1.conv.weight.shape[:2] == (4 * width, width) and not blocks[1].shortcut


def test_darknet():
    with torch.device('meta'):
        net = build_backbone(dict(type='Darknet', depth=53, frozen_stages=2))
        maps = net(torch.zeros(1, 3, 64, 96))
    assert [tuple(x.shape[1:]) for x in maps] == [(256, 8, 12), (512, 4, 6), (1024, 2, 3)]
    state = net.state_dict()
    assert state['conv_res_block5.res3.conv2.bn.running_var'].shape == (1024,)
    assert sum(p.numel() for p in net.parameters()) == 40_584_928
    frozen = {name.split('.')[0] for name, p in net.named_parameters() if not p.requires_grad}
    assert frozen == {'conv1', 'conv_res_block1'}


@pytest.mark.parametrize(
    'wrong',
    [
        dict(type='MobileNetV2', out_indices=(8,)),
        dict(type='EfficientNet', arch='b9'),
        dict(type='EfficientNet', out_indices=()),
        dict(type='CSPDarknet', arch='P7'),
        dict(type='CSPDarknet', out_indices=(5,)),
    ],
)
def test_what_is_not_there(wrong):
    with pytest.raises(AssertionError, match=r'out_indices|arch'):
        build_backbone(wrong)
