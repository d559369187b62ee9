import torch
from torch import nn

from mmrotate.utils.fuse import fuse_conv_bn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(4, 5, 1)
        self.other = nn.Conv2d(5, 2, 1)
        self.bn2 = nn.BatchNorm2d(7)

    def forward(self, x):
        return self.other(self.conv2(self.relu(self.bn1(self.conv1(x)))))


def test_the_outputs_stay_the_same():
    torch.manual_seed(0)
    model = nn.Sequential(Block(), nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            module.weight.data.normal_()
            module.bias.data.normal_()
    images = torch.randn(2, 3, 8, 8)
    expected = model.eval()(images)
    assert fuse_conv_bn(model) is model
    torch.testing.assert_close(model(images), expected, rtol=1e-5, atol=1e-5)
    assert isinstance(model[0].bn1, nn.Identity)
    assert isinstance(model[1][1], nn.Identity)
    # not of the convolution before it
    assert isinstance(model[0].bn2, nn.BatchNorm2d)


def test_a_fused_model_has_no_gradient_left_to_train_by():
    model = fuse_conv_bn(nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1)))
    assert not model.training


def test_a_model_whose_train_returns_nothing():
    class Quiet(nn.Sequential):
        def train(self, mode=True):
            super().train(mode)

    fused = fuse_conv_bn(Quiet(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)))
    assert isinstance(fused[1], nn.Identity)
