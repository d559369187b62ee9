import copy
import threading

import pytest
import torch
from torch import nn

from mmrotate.ops import ORConv2d
from mmrotate.utils.fuse import Speedups, channels_last, fuse_conv_bn, sped_up


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


def test_a_class_made_from_a_norm_stays():
    class NormWithActivation(nn.BatchNorm2d):
        def forward(self, x):
            return super().forward(x).relu()

    model = nn.Sequential(nn.Conv2d(3, 4, 1), NormWithActivation(4)).eval()
    expected = model(IMAGES)
    torch.testing.assert_close(fuse_conv_bn(model)(IMAGES), expected)


def test_channels_last_converts_what_has_that_layout():
    model = nn.ModuleList([ORConv2d(4, 8, arf_config=(1, 8)), nn.Conv2d(4, 8, 3)])
    before = copy.deepcopy(model.state_dict())
    assert channels_last(model)[1].weight.is_contiguous(memory_format=torch.channels_last)
    assert model[0].weight.dim() == 5
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)


IMAGES = torch.randn(2, 3, 8, 8)
DEFAULT = Speedups()


@pytest.fixture
def net():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1))
    model[1].running_var.uniform_(0.5, 2)
    return model.eval()


@torch.no_grad()
def _agrees(model, wanted=DEFAULT, norms=0):
    """Whether the model sped up gives what it gives else, with so many norms left."""
    expected = model(IMAGES)
    with sped_up(model, wanted):
        left = sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())
        got = model(IMAGES)
    return left == norms and torch.allclose(got, expected, rtol=1e-5, atol=1e-5)


def test_a_model_is_untouched_outside_of_it(net):
    before, modules = copy.deepcopy(net.state_dict()), list(net.modules())
    with torch.no_grad(), pytest.raises(ZeroDivisionError), sped_up(net, Speedups(channels_last=True)):
        assert isinstance(net[1], nn.Identity) and net[3].weight.is_contiguous(memory_format=torch.channels_last)
        _ = 1 / 0
    assert list(net.modules()) == modules
    torch.testing.assert_close(net.state_dict(), before, rtol=0, atol=0)
    assert net[0].weight.is_contiguous() and net[0].weight.requires_grad


def _step(net):
    optimizer = torch.optim.SGD(net.train().parameters(), 0.1)
    net(IMAGES).square().mean().backward()
    optimizer.step()
    net.eval()


CHANGES = {
    'a step of training': _step,
    'other weights': lambda net: net.load_state_dict({k: v + 1 for k, v in net.state_dict().items()}),
    'through data': lambda net: net[0].weight.data.mul_(2),
    'of a norm, through data': lambda net: net[1].weight.data.mul_(2),
    'another tensor': lambda net: setattr(net[3].weight, 'data', torch.ones(2, 4, 1, 1)),
    'another module': lambda net: net.__setitem__(3, nn.Conv2d(4, 5, 1).eval()),
    'another layout': channels_last,
    'another norm': lambda net: net.__setitem__(1, nn.BatchNorm2d(4, eps=1).eval()),
}


@pytest.mark.parametrize('change', CHANGES)
def test_copies_follow_the_weights(net, change):
    assert _agrees(net)
    CHANGES[change](net)
    assert _agrees(net)
    assert _agrees(copy.deepcopy(net))


def test_what_it_leaves_alone(net):
    assert _agrees(net, None, 1)
    assert _agrees(net, Speedups(fold=False, channels_last=True), 1)
    with torch.enable_grad(), sped_up(net, Speedups()):
        assert isinstance(net[1], nn.BatchNorm2d)
    seen = []
    net[0].register_forward_hook(lambda module, args, out: seen.append(out))
    assert _agrees(net, norms=1) and len(seen) == 2  # a hook sees what the plain convolution gives
    with torch.no_grad(), sped_up(net.train(), Speedups()):
        assert isinstance(net[1], nn.BatchNorm2d)


def test_a_module_of_unknown_code_keeps_its_norms():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

        def forward(self, x):
            return self.conv(self.norm(x))

    assert _agrees(Odd().eval(), norms=1)


def test_threads_share_the_copies(net):
    inside, done = threading.Event(), threading.Event()

    @torch.no_grad()
    def other():
        with sped_up(net, Speedups()):
            inside.set()
            done.wait(5)

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(5)
    with torch.no_grad(), sped_up(net, Speedups()):
        assert isinstance(net[1], nn.Identity)
    assert isinstance(net[1], nn.Identity)  # the other one is still at it
    done.set()
    thread.join()
    assert isinstance(net[1], nn.BatchNorm2d)
