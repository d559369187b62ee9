"""Losses of boxes as normal distributions: reference values, gradients and symmetries."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mmrotate.core.bbox import GauChoPointCoder
from mmrotate.core.bbox.gaussian import boxes_to_cholesky
from mmrotate.models import build_loss
from tests.helpers.golden import array, random_boxes, tensor

GD = [
    dict(type='GDLoss', loss_type=kind, fun=fun, tau=tau)
    for kind in ('gwd', 'kld', 'jd', 'kld_symmax', 'kld_symmin')
    for fun, tau in (('log1p', 1.0), ('sqrt', 2.0), ('none', 0.0))
]
V1 = [
    dict(type='GDLoss_v1', loss_type=kind, fun=fun) for kind in ('kld', 'bcd', 'gwd') for fun in ('sqrt', 'log1p', '')
]
KF = [dict(type='KFLoss', fun=fun) for fun in ('none', 'ln', 'exp')]
OF_BOXES = [*GD, *V1, *KF]


def name_of(cfg: dict) -> str:
    return '_'.join(str(value) for value in cfg.values())


every_loss = pytest.mark.parametrize('cfg', OF_BOXES, ids=name_of)


def call(cfg: dict, pred: Tensor, target: Tensor, *args: object, **kwargs: object) -> Tensor:
    """Loss of boxes; KFLoss takes them as deltas too."""
    both = cfg['type'] == 'KFLoss'
    boxes = dict(pred_decode=pred, targets_decode=target) if both else {}
    return build_loss(cfg)(pred, target, *args, **kwargs, **boxes)


def check_reference(name: str, cfg: dict, **kwargs: object) -> None:
    pred = tensor(f'loss_{name}/pred').requires_grad_()
    loss = call(cfg, pred, tensor(f'loss_{name}/target'), torch.ones(len(pred)), **kwargs)
    loss.backward()
    torch.testing.assert_close(loss, tensor(f'loss_{name}/out'), rtol=1e-5, atol=0)
    grad = tensor(f'loss_{name}/grad')
    torch.testing.assert_close(pred.grad, grad, rtol=1e-4, atol=1e-4 * float(grad.abs().max()))


@pytest.mark.parametrize('cfg', GD, ids=name_of)
def test_reference(cfg):
    check_reference(f'gdloss_{cfg["loss_type"]}_{cfg["fun"]}', cfg, avg_factor=40)


@pytest.mark.parametrize('cfg', [c for c in V1 if c['fun']], ids=name_of)
def test_reference_of_the_first_form(cfg):
    # the reference gives one loss per box, whatever is asked for, and these values are their sum
    name = f'gdloss_v1_{cfg["loss_type"]}_{cfg["fun"]}'
    check_reference(name, cfg, reduction_override='sum')


@pytest.mark.parametrize('cfg', KF, ids=name_of)
def test_reference_of_kalman_filters(cfg):
    check_reference(f'kf_{cfg["fun"]}', cfg, avg_factor=40)


def test_reference_of_points():
    check_reference('kld_reppoints', dict(type='KLDRepPointsLoss'))


@every_loss
def test_gradient_is_the_derivative(cfg):
    pred, target = random_boxes(6, 0, 60).double(), random_boxes(6, 1, 60).double()
    assert torch.autograd.gradcheck(lambda p: call(cfg, p, target), pred.requires_grad_())


@every_loss
def test_long_boxes_keep_their_digits_in_float32(cfg):
    boxes = random_boxes(60, 0, 40)
    boxes[:, 2], boxes[:, 3] = boxes[:, 2] * 100, 1 + boxes[:, 3] / 60
    grads = []
    for dtype in (torch.float32, torch.float64):
        pred, target = boxes[:30].to(dtype).requires_grad_(), boxes[30:].to(dtype)
        call(cfg, pred, target, reduction_override='sum').backward()
        grads.append(pred.grad.double() / pred.grad.double().norm(dim=1, keepdim=True))
    torch.testing.assert_close(*grads, rtol=0, atol=1e-3)


def test_gradient_of_points_is_the_derivative():
    points = torch.randn(4, 18, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    target = array('loss_kld_reppoints/target')[:4]
    loss = build_loss(dict(type='KLDRepPointsLoss'))
    quads = torch.from_numpy(target).double()
    assert torch.autograd.gradcheck(lambda p: loss(p * 30, quads), points.requires_grad_())


# sides and places from nothing to far beyond any image
SIDES = st.sampled_from([0.0, 1e-9, 1e-3, 1.0, 37.5, 1e4, 1e9])
PLACES = st.sampled_from([0.0, 12.5, 1e5, -1e9])
BOXES = st.tuples(PLACES, PLACES, SIDES, SIDES, st.sampled_from([0.0, math.pi / 2, 0.3, -7.0]))
PAIRS = st.lists(st.tuples(BOXES, BOXES), min_size=1, max_size=20)


@every_loss
@given(pairs=PAIRS)
def test_loss_and_gradient_are_finite(cfg, pairs):
    boxes = torch.tensor(pairs)
    pred, target = boxes[:, 0].clone().requires_grad_(), boxes[:, 1]
    for other in (target, pred.detach()):
        loss = call(cfg, pred, other, reduction_override='sum')
        loss.backward()
        assert loss.isfinite()
        assert pred.grad.isfinite().all()


@pytest.mark.parametrize('scale', [0.0, 1e-3, 1.0, 1e4])
@pytest.mark.parametrize('shape', ['point', 'horizontal', 'vertical', 'slanted', 'cloud'])
def test_points_on_a_line_are_finite(scale, shape):
    t = torch.linspace(-1, 1, 9)
    y = dict(horizontal=0 * t, vertical=t, slanted=0.7 * t, point=0 * t, cloud=t.square())[shape]
    x = 0 * t if shape in ('point', 'vertical') else t
    points = (torch.stack([x, y], -1) * scale + 50).flatten()[None].requires_grad_()
    target = torch.tensor([[40.0, 40, 60, 40, 60, 60, 40, 60], [50.0] * 8])
    loss = build_loss(dict(type='KLDRepPointsLoss'))(points.expand(2, -1), target)
    loss.backward()
    assert 0.5 <= loss.item() <= 1
    assert points.grad.isfinite().all()


@every_loss
def test_moving_and_turning_both_boxes_changes_nothing(cfg):
    pred, target = random_boxes(9, 0, 50).double(), random_boxes(9, 1, 50).double()
    expected = call(cfg, pred, target, reduction_override='none')
    moved = call(cfg, pred + _row(30, -20), target + _row(30, -20), reduction_override='none')
    torch.testing.assert_close(moved, expected)
    if cfg['type'] != 'KFLoss':  # its centres are measured along the axes
        turned = call(cfg, _turned(pred, 0.7), _turned(target, 0.7), reduction_override='none')
        torch.testing.assert_close(turned, expected)
    other_form = pred[:, [0, 1, 3, 2, 4]] + _row(0, 0, math.pi / 2)
    same = call(cfg, other_form, target, reduction_override='none')
    torch.testing.assert_close(same, expected)


def _row(x: float, y: float, theta: float = 0.0) -> Tensor:
    return torch.tensor([x, y, 0, 0, theta], dtype=torch.float64)


def _turned(boxes: Tensor, angle: float) -> Tensor:
    c, s = math.cos(angle), math.sin(angle)
    centre = boxes[:, :2] @ torch.tensor([[c, s], [-s, c]], dtype=boxes.dtype)
    return torch.cat([centre, boxes[:, 2:4], boxes[:, 4:] + angle], 1)


@every_loss
def test_equal_boxes_have_the_smallest_loss(cfg):
    boxes = random_boxes(20)
    best = call(cfg, boxes, boxes, reduction_override='none')
    for column, step in ((0, 3.0), (2, 2.0), (4, 0.2)):
        pred = boxes.clone()
        pred[:, column] += step
        assert (call(cfg, pred, boxes, reduction_override='none') > best).all()


@pytest.mark.parametrize('kind', ['gwd', 'jd', 'kld_symmax', 'kld_symmin'])
def test_symmetric_distances(kind):
    cfg = dict(type='GDLoss', loss_type=kind)
    a, b = random_boxes(20), random_boxes(20, 1)
    torch.testing.assert_close(call(cfg, a, b), call(cfg, b, a))


def test_alpha_weighs_shapes_against_centres():
    a = torch.tensor([[0, 0, 20.0, 10, 0]])
    moved, grown = a + torch.tensor([5.0, 0, 0, 0, 0]), a + torch.tensor([0, 0, 4.0, 0, 0])
    for kind, pred in (('gwd', grown), ('kld', moved)):
        plain, heavy = (dict(type='GDLoss', loss_type=kind, fun='none', alpha=alpha) for alpha in (1.0, 2.0))
        factor = 2.0 if kind == 'gwd' else 0.5  # of the square root of the distance
        torch.testing.assert_close(call(heavy, pred, a), factor * call(plain, pred, a))


def test_gwd_without_normalisation_is_in_pixels():
    a = torch.tensor([[0, 0, 20.0, 10, 0]])
    b = a + torch.tensor([3.0, 4, 0, 0, 0])
    cfg = dict(type='GDLoss', loss_type='gwd', fun='none', normalize=False)
    assert float(call(cfg, a, b)) == pytest.approx(5)


def test_deviations_and_correlation_give_the_same_as_boxes():
    boxes, target = random_boxes(10).double(), random_boxes(10, 1).double()
    cfg = dict(type='GDLoss', loss_type='kld')
    expected = call(cfg, boxes, target)
    got = call(dict(cfg, representation='xy_stddev_pearson'), _pearson(boxes), _pearson(target))
    torch.testing.assert_close(got, expected)


def _pearson(boxes: Tensor) -> Tensor:
    cos, sin = boxes[:, 4].cos(), boxes[:, 4].sin()
    a, b = boxes[:, 2] ** 2 / 4, boxes[:, 3] ** 2 / 4
    x, y = (a * cos**2 + b * sin**2).sqrt(), (a * sin**2 + b * cos**2).sqrt()
    return torch.cat([boxes[:, :2], torch.stack([x, y, (a - b) * cos * sin / (x * y)], 1)], 1)


def test_mean_of_the_first_form_is_over_boxes_of_weight_above_0():
    a, b = random_boxes(4), random_boxes(4, 1)
    cfg = dict(type='GDLoss_v1', loss_type='kld')
    each = call(cfg, a, b, reduction_override='none')
    weight = torch.tensor([1.0, 0, 3, 0])
    got = call(cfg, a, b, weight[:, None].expand(-1, 5), avg_factor=100)
    torch.testing.assert_close(got, (each[0] + each[2]) / 2)
    torch.testing.assert_close(call(cfg, a, b), each.mean())


def test_beta_of_kalman_filters_is_heard():
    a, b = random_boxes(4), random_boxes(4, 1)
    small, large = (call(dict(type='KFLoss', beta=beta), a, b) for beta in (0.01, 5.0))
    assert small > large


def test_choices_that_are_not_known():
    for cfg, word in (
        (dict(type='GDLoss', loss_type='bcd'), 'loss_type'),
        (dict(type='GDLoss', loss_type='kld', fun='exp'), 'fun'),
        (dict(type='GDLoss', loss_type='kld', representation='xywh'), 'representation'),
        (dict(type='GDLoss_v1', loss_type='jd'), 'loss_type'),
        (dict(type='KFLoss', fun='log1p'), 'fun'),
    ):
        with pytest.raises(ValueError, match=word):
            build_loss(cfg)
    with pytest.raises(ValueError, match='pred_decode'):
        build_loss(dict(type='KFLoss'))(random_boxes(2), random_boxes(2))


GAUCHO = dict(type='GDLoss_GauCho', fun='log1p', tau=1.0, gaussian_prediction=True)


@pytest.mark.parametrize('kind', ['probiou', 'kld', 'gwd', 'bcd'])
def test_gaucho_is_that_of_its_source(kind):
    name = f'loss_gaucho_{kind}_log1p'
    points, deltas, target, out, grad = (
        tensor(f'{name}/{key}', 'newer/angles.npz') for key in ('points', 'deltas', 'target', 'out', 'grad')
    )
    deltas.requires_grad_()
    loss = build_loss(dict(GAUCHO, loss_type=kind))
    factors = GauChoPointCoder().factors(points, deltas)
    torch.testing.assert_close(loss(factors, target, reduction_override='none'), out.flatten(), rtol=1e-4, atol=1e-5)
    # weights of above 0 count alike, and avg_factor not, as in the source
    loss(factors, target, torch.rand(len(target)) + 0.1, avg_factor=7.0).backward()
    torch.testing.assert_close(deltas.grad, grad, rtol=1e-3, atol=1e-5 * float(grad.abs().max()))


def test_gaucho_of_boxes_is_that_of_their_distributions():
    pred, target = random_boxes(20, 1), random_boxes(20, 2)
    factors = boxes_to_cholesky(pred)
    of_factors = build_loss(dict(GAUCHO, loss_type='kld'))(factors, target)
    of_boxes = build_loss(dict(GAUCHO, loss_type='kld', gaussian_prediction=False))(pred, target)
    torch.testing.assert_close(of_factors, of_boxes)
    torch.testing.assert_close(of_boxes, build_loss(dict(type='GDLoss_v1', loss_type='kld', fun='log1p'))(pred, target))


@pytest.mark.parametrize('mode', ['l1', 'l2'])
def test_probiou_is_the_overlap_of_its_source(mode):
    a, b, out = (tensor(f'probiou/{key}', 'newer/angles.npz') for key in ('a', 'b', 'out'))
    loss = build_loss(dict(type='ProbIoULoss', mode=mode))(a, b, reduction_override='none')
    overlap = 1 - loss if mode == 'l1' else 1 - (1 - (-loss).exp()).sqrt()
    torch.testing.assert_close(overlap, out[:, 0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('cfg', [dict(type='ProbIoULoss'), dict(type='ProbIoULoss', mode='l2')], ids=name_of)
def test_probiou_has_gradients_at_equal_and_far_boxes(cfg):
    boxes = torch.tensor([[50.0, 50, 20, 10, 0.3], [50, 50, 16, 16, 0.1], [50, 50, 1e-3, 1e-3, 0]])
    for target in (boxes, boxes + torch.tensor([1e4, 0, 0, 0, 0])):
        pred = boxes.clone().requires_grad_()
        loss = build_loss(cfg)(pred, target)
        loss.backward()
        assert loss.isfinite() and pred.grad.isfinite().all()
