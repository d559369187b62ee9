"""MobileNetV2, EfficientNet, Darknet and CSPDarknet beyond what they compute: frozen parts, options, weights."""

import pytest
import timm
import torch

from mmrotate.cli.efficientnet_lite import main as convert
from mmrotate.models import build_backbone, build_detector
from mmrotate.utils import load_state
from tests.helpers import zoo

TINY = {
    'MobileNetV2': dict(widen_factor=0.1),
    'EfficientNet': dict(arch='b0', out_indices=(2, 3, 4, 5)),
    'EfficientNetLite': dict(widen_factor=0.5, out_indices=(2, 3, 4, 5)),
    'CSPDarknet': dict(widen_factor=0.125, deepen_factor=0.33, out_indices=(1, 2, 3, 4)),
}
CHANNELS = {
    'MobileNetV2': [8, 8, 16, 1280],
    'EfficientNet': [24, 40, 112, 320],
    'EfficientNetLite': [16, 24, 56, 160],
    'CSPDarknet': [16, 32, 64, 128],
}
# stages that are frozen, and where their parameters lie
FROZEN = {
    'MobileNetV2': (1, ('conv1.', 'layer1.')),
    'EfficientNet': (2, ('layers.0.', 'layers.1.')),
    'EfficientNetLite': (1, ('layers.0.',)),
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
    rates = [m.drop_path.drop for m in blocks]
    assert rates[0] == 0 and rates[-1] == pytest.approx(0.2)
    assert rates == sorted(rates)
    if arch != 'b3':  # the second block of the first stage is wider, without a shortcut
        width = 24 if arch == 'em' else 32
        assert blocks[1].conv1.conv.weight.shape[:2] == (4 * width, width) and not blocks[1].shortcut


def test_lite_models_share_their_ends():
    with torch.device('meta'):
        small, large = (build_backbone(dict(type='EfficientNetLite', arch=arch)) for arch in ('lite0', 'lite4'))
    assert large.layers[0].conv.weight.shape == small.layers[0].conv.weight.shape == (32, 3, 3, 3)
    depths = [[len(layer) for layer in list(net.layers)[1:]] for net in (small, large)]
    assert depths == [[1, 2, 2, 6, 5], [1, 4, 4, 12, 9]]


@pytest.fixture(scope='module')
def classifier():
    """The lite model of timm, its statistics as a trained one would have them."""
    model = timm.create_model('tf_efficientnet_lite0').eval()
    for name, buffer in model.named_buffers():
        if name.endswith(('mean', 'var')):
            buffer.uniform_(-0.1, 0.1) if name.endswith('mean') else buffer.uniform_(0.5, 1.5)
    return model


def test_weights_of_a_lite_classifier_are_converted(classifier, tmp_path, log):
    torch.save(classifier.state_dict(), tmp_path / 'timm.pth')
    argv = ['--checkpoint', str(tmp_path / 'timm.pth'), str(tmp_path / 'out.pth')]
    assert convert(argv) == 0
    pretrained = dict(type='Pretrained', checkpoint=str(tmp_path / 'out.pth'))
    net = build_backbone(dict(type='EfficientNetLite', init_cfg=pretrained)).eval()
    net.init_weights()
    assert not [record for record in log if 'differ' in record.getMessage()]
    images = torch.rand(1, 3, 99, 64)  # an odd side: the padding is not the same at both ends
    with torch.no_grad():
        wanted = classifier.forward_intermediates(images, indices=(2, 3, 4), intermediates_only=True)
        for got, expected in zip(net(images), wanted, strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)


def test_half_weights_are_half_as_large(classifier, tmp_path):
    torch.save(classifier.state_dict(), tmp_path / 'timm.pth')
    assert convert(['--checkpoint', str(tmp_path / 'timm.pth'), str(tmp_path / 'out.pth'), '--half']) == 0
    assert (tmp_path / 'out.pth').stat().st_size < 8 * 2**20
    weights = load_state(tmp_path / 'out.pth')['state_dict']
    assert {value.dtype for value in weights.values()} == {torch.float16, torch.int64}


def test_weights_of_another_classifier_are_refused(tmp_path, capsys):
    torch.save(timm.create_model('efficientnet_lite1').state_dict(), tmp_path / 'timm.pth')
    assert convert(['--checkpoint', str(tmp_path / 'timm.pth'), str(tmp_path / 'out.pth')]) == 1
    assert 'holds no EfficientNet-Lite0' in capsys.readouterr().err


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
