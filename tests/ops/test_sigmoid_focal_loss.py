import math

import pytest
import torch

from mmrotate.ops import sigmoid_focal_loss


def plain_loop(pred, target, gamma, alpha, weight=None):
    """Element by element, from the paper."""
    out = torch.zeros_like(pred)
    for i, row in enumerate(pred.tolist()):
        for c, logit in enumerate(row):
            p = 1 / (1 + math.exp(-logit))
            if int(target[i]) == c:
                out[i, c] = -alpha * (1 - p) ** gamma * math.log(p)
            else:
                out[i, c] = -(1 - alpha) * p**gamma * math.log(1 - p)
        if weight is not None and 0 <= target[i] < pred.size(1):
            out[i] *= weight[target[i]]
    return out


@pytest.fixture
def case():
    return torch.randn(12, 3, dtype=torch.float64), torch.arange(12) % 5 - 1


@pytest.mark.parametrize(('gamma', 'alpha'), [(2.0, 0.25), (1.5, 0.6)])
def test_it_is_the_plain_loop(case, gamma, alpha):
    pred, target = case
    for weight in (None, torch.tensor([0.5, 2.0, 3.0])):
        expected = plain_loop(pred, target, gamma, alpha, weight)
        got = sigmoid_focal_loss(pred, target, gamma, alpha, weight, 'none')
        torch.testing.assert_close(got, expected)
        total = sigmoid_focal_loss(pred, target, gamma, alpha, weight, 'sum')
        torch.testing.assert_close(total, expected.sum())
        mean = sigmoid_focal_loss(pred, target, gamma, alpha, weight)
        torch.testing.assert_close(mean, expected.sum() / 12)


def test_targets_of_each_class(case):
    pred, target = case
    onehot = (target[:, None] == torch.arange(3)).double()
    assert torch.equal(sigmoid_focal_loss(pred, onehot), sigmoid_focal_loss(pred, target))


def test_gradients(case):
    pred, target = case
    pred.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: sigmoid_focal_loss(x, target), pred)
    extreme = torch.tensor([[1e4, -1e4], [-1e4, 1e4]], requires_grad=True)
    loss = sigmoid_focal_loss(extreme, torch.tensor([1, 2]))
    loss.backward()
    assert loss.isfinite()
    assert extreme.grad.isfinite().all()


def test_no_sample():
    pred = torch.zeros(0, 3, requires_grad=True)
    loss = sigmoid_focal_loss(pred, torch.zeros(0, dtype=torch.long))
    loss.backward()
    assert loss == 0
    assert pred.grad.shape == (0, 3)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_computes_in_float32(case, dtype):
    pred, target = case[0].to(dtype).T.contiguous().T, case[1]
    got = sigmoid_focal_loss(pred, target, reduction='none')
    assert torch.equal(got, sigmoid_focal_loss(pred.float(), target, reduction='none').to(dtype))


def test_bad_input():
    pred = torch.zeros(4, 3)
    with pytest.raises(ValueError, match=r'got \(4, 3\) and \(4, 2\)'):
        sigmoid_focal_loss(pred, torch.zeros(4, 2))
    with pytest.raises(ValueError, match=r'got \(4,\) and \(4,\)'):
        sigmoid_focal_loss(pred[:, 0], torch.zeros(4))
    with pytest.raises(ValueError, match="got 'median'"):
        sigmoid_focal_loss(pred, torch.zeros(4), reduction='median')


def test_compiles_as_one_graph(case):
    def of_objects(pred, target):  # how many there are is not known beforehand
        rows = (target >= 0).nonzero().squeeze(1)
        return sigmoid_focal_loss(pred[rows], target[rows])

    with torch._dynamo.config.patch(capture_dynamic_output_shape_ops=True):
        compiled = torch.compile(of_objects, fullgraph=True, backend='aot_eager')
        for pred, target in (case, (case[0], case[1] - 9)):
            torch.testing.assert_close(compiled(pred, target), of_objects(pred, target))
