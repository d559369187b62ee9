"""Short addresses of published checkpoints."""

import pytest
import torch
from torch import nn

from mmrotate.models import build_backbone
from mmrotate.utils import load_state
from mmrotate.utils.addresses import AddressError, long_address
from mmrotate.utils.errors import UserError


def test_names_of_the_tables():
    for address, end in (
        ('open-mmlab://detectron2/resnet50_caffe', '/pretrain/third_party/resnet50_msra-5891d200.pth'),
        ('openmmlab://resnet50_caffe', '/pretrain/third_party/resnet50_caffe-788b5fa3.pth'),  # its oldest name
        ('open-mmlab://msra/hrnetv2_w32', 'hrnetv2_w32-dc9eeb4f.pth'),
        ('mmcls://mobilenet_v2', '/mobilenet_v2/mobilenet_v2_batch256_imagenet_20200708-3b2dc3af.pth'),
    ):
        found = long_address(address)
        assert found.startswith('https://') and found.endswith(end)
    assert long_address('modelzoo://resnet50') == 'torchvision://resnet50'
    for same in ('torchvision://resnet50', 'https://a/b.pth', 'work_dirs/latest.pth'):
        assert long_address(same) == same


def test_what_is_not_known():
    with pytest.raises(AddressError, match='detectron2/resnet50_caffe'):
        long_address('open-mmlab://detectron2/resnet50_cafe')
    with pytest.raises(UserError, match=r'pavi://a.pth: .* from a path or http://'):
        load_state('pavi://a.pth')


def test_weights_of_a_backbone_come_from_a_classifier(tmp_path, monkeypatch):
    source = build_backbone(dict(type='MobileNetV2'))
    nn.init.constant_(source.conv1.conv.weight, 0.125)
    state = {f'backbone.{key}': value for key, value in source.state_dict().items()}
    asked = []

    def fetched(url):
        asked.append(url)
        torch.save(dict(state_dict={**state, 'head.fc.weight': torch.zeros(10, 4)}), tmp_path / 'fetched.pth')
        return tmp_path / 'fetched.pth'

    monkeypatch.setattr('mmrotate.utils.zoo.fetch', fetched)
    checkpoint = 'mmcls://mobilenet_v2'
    assert set(load_state(checkpoint)['state_dict']) == set(source.state_dict())
    net = build_backbone(dict(type='MobileNetV2', init_cfg=dict(type='Pretrained', checkpoint=checkpoint)))
    net.init_weights()
    assert (net.conv1.conv.weight == 0.125).all()
    assert sorted({url.rsplit('/')[-1] for url in asked}) == ['mobilenet_v2_batch256_imagenet_20200708-3b2dc3af.pth']
