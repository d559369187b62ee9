"""Multiply-adds, against hand-computed and published numbers."""

import pytest
import torch
import torchvision
from torch import nn
from torchvision.ops import deform_conv2d as of_torchvision

from mmrotate.models.complexity import count_operations
from mmrotate.ops import RoIAlignRotated, deform_conv2d


def test_a_small_network_by_hand():
    layers = [nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 1), nn.Flatten()]
    model = nn.Sequential(*layers, nn.Linear(4 * 8 * 16, 10)).eval()
    by_hand = 8 * 16 * 8 * 3 * 9 + 8 * 16 * 4 * 8 + 4 * 8 * 16 * 10
    assert count_operations(model, model, (3, 16, 32)) == by_hand


def test_resnet50_has_its_published_4_1_billion():
    model = torchvision.models.resnet50().eval()
    assert count_operations(model, model, (3, 224, 224)) / 1e9 == pytest.approx(4.1, abs=0.05)


@pytest.mark.parametrize('ratio, points', [(2, 4), (3, 9), (0, 4)])
def test_roi_align_samples_each_bin(ratio, points):
    align = RoIAlignRotated((7, 5), 1.0, ratio)
    rois = torch.tensor([[0, 8, 8, 6, 4, 0.3]]).repeat(6, 1)
    model = nn.Conv2d(3, 1, 1)
    assert count_operations(model, lambda image: align(image, rois), (3, 16, 16)) == 6 * 3 * 35 * points * 4


@pytest.mark.parametrize('convolve', [deform_conv2d, of_torchvision])
def test_a_deformable_convolution_samples_its_points(convolve):
    model = nn.Conv2d(3, 8, 3, bias=False)
    offset = torch.rand(1, 18, 14, 14)
    counted = count_operations(model, lambda image: convolve(image, offset, model.weight), (3, 16, 16))
    assert counted == 14 * 14 * 9 * 3 * (8 + 4)
