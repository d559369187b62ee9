"""What losses of boxes share: rows that count, reductions, types, and how a head calls them."""

import pytest
import torch
from torch import Tensor

from mmrotate.models import build_head, build_loss, losses
from mmrotate.models.losses import regression_loss, takes_boxes
from tests.helpers.golden import random_boxes

BOX_LOSSES = [
    dict(type='GDLoss', loss_type='kld', tau=1.0),
    dict(type='GDLoss', loss_type='gwd'),
    dict(type='GDLoss_v1', loss_type='bcd'),
    dict(type='KFLoss', fun='ln'),
    dict(type='RotatedIoULoss'),
    dict(type='IoULoss'),
    dict(type='GIoULoss'),
    dict(type='KLDRepPointsLoss'),
    dict(type='ConvexGIoULoss'),
    dict(type='BCConvexGIoULoss', as_published=False),  # the published one is no loss of single rows
]
every_loss = pytest.mark.parametrize('cfg', BOX_LOSSES, ids=lambda c: '_'.join(map(str, c.values())))


def inputs(cfg: dict, count: int) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Predictions, targets and further boxes as the loss takes them."""
    pred, target = random_boxes(count, 0, 30), random_boxes(count, 1, 30)
    columns = build_loss(cfg).box_dim
    if columns == 4:
        pred, target = (torch.cat([b[:, :2], b[:, :2] + b[:, 2:4]], 1) for b in (pred, target))
    if columns == 18:
        pred = torch.cat([random_boxes(count, i, 60)[:, :2] for i in range(9)], 1)
        target = torch.tensor([[10.0, 10, 40, 10, 40, 30, 10, 30]]).expand(count, -1)
    both = cfg['type'] == 'KFLoss'
    return pred, target, dict(pred_decode=pred, targets_decode=target) if both else {}


@every_loss
def test_reductions_and_weights(cfg):
    pred, target, boxes = inputs(cfg, 6)
    loss = build_loss(dict(cfg, loss_weight=2.0))
    each = loss(pred, target, reduction_override='none', **boxes)
    assert each.shape == (6,)
    torch.testing.assert_close(loss(pred, target, **boxes), each.mean())
    torch.testing.assert_close(loss(pred, target, reduction_override='sum', **boxes), each.sum())
    if cfg['type'] == 'GDLoss_v1':
        return  # weighs nothing
    weight = torch.tensor([0.5, 0, 1, 0, 2, 1])
    expected = (each * weight).sum() / 7
    for form in (weight, weight[:, None].expand(-1, 5)):
        torch.testing.assert_close(loss(pred, target, form, avg_factor=7, **boxes), expected)
    torch.testing.assert_close(loss(pred, target, weight, reduction_override='none', **boxes), each * weight)


@pytest.mark.parametrize(
    ('name', 'own'),
    [
        ('GDLoss', ('kld', 'xy_wh_r', 'log1p', 1.0, 1.0)),
        ('GDLoss_v1', ('bcd', 'sqrt', 1.0)),
        ('KFLoss', ('ln',)),
        ('RotatedIoULoss', (False, 1e-6)),
        ('KLDRepPointsLoss', (1e-6,)),
        ('BCConvexGIoULoss', ()),
        ('SmoothFocalLoss', (2.0, 0.25)),
        ('FocalLoss', (True, 2.0, 0.25)),
    ],
)
def test_reduction_and_weight_follow_the_own_arguments_by_position(name, own):
    loss = getattr(losses, name)(*own, 'sum', 3.0)
    assert (loss.reduction, loss.loss_weight) == ('sum', 3.0)


@every_loss
def test_rows_of_no_weight_may_hold_anything(cfg):
    pred, target, boxes = inputs(cfg, 3)
    pred = pred.clone()
    pred[1] = torch.nan
    pred.requires_grad_()
    boxes = dict(pred_decode=pred, targets_decode=target) if boxes else {}
    loss = build_loss(cfg)(pred, target, torch.tensor([1.0, 0, 1]), avg_factor=2, **boxes)
    loss.backward()
    assert loss.isfinite()
    assert pred.grad.isfinite().all()
    assert pred.grad[1].abs().sum() == 0


@every_loss
@pytest.mark.parametrize('count', [0, 3])
def test_no_object_gives_a_zero_that_reaches_the_predictions(cfg, count):
    pred, target, boxes = inputs(cfg, count)
    pred = pred.clone().requires_grad_()
    loss = build_loss(cfg)
    value = loss(pred, target, torch.zeros(count), avg_factor=0, **boxes)
    value.backward()
    assert value.item() == 0
    assert pred.grad.abs().sum() == 0
    assert float(loss(pred, target, torch.zeros(count), **boxes)) == 0
    assert loss(pred, target, reduction_override='none', **boxes).shape == (count,)


@every_loss
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_autocast_computes_in_float32(cfg, dtype):
    pred, target, boxes = inputs(cfg, 8)
    pred, boxes = pred.to(dtype), {name: b.to(dtype) for name, b in boxes.items()}
    leaf = pred.clone().requires_grad_()
    with torch.autocast('cpu', dtype):
        got = build_loss(cfg)(leaf, target, **boxes)
    wide = {name: b.float() for name, b in boxes.items()}
    expected = build_loss(cfg)(pred.float(), target, **wide)
    assert got.dtype == torch.float32
    assert float(got) == float(expected)
    got.backward()
    assert leaf.grad.isfinite().all()


@every_loss
def test_shapes_that_do_not_fit(cfg):
    pred, target, boxes = inputs(cfg, 3)
    with pytest.raises(ValueError, match=f'{cfg["type"]} compares predictions'):
        build_loss(cfg)(pred[:, :3], target, **boxes)
    with pytest.raises(ValueError, match='as many targets'):
        build_loss(cfg)(pred, target[:2], **boxes)


@pytest.mark.parametrize(
    ('cfg', 'form'),
    [
        (dict(type='L1Loss'), {False: 'deltas', True: 'boxes'}),
        (dict(type='GDLoss', loss_type='kld'), {False: 'boxes', True: 'boxes'}),
        (dict(type='KFLoss'), {False: 'both', True: 'both'}),
    ],
)
@pytest.mark.parametrize('reg_decoded_bbox', [False, True])
def test_a_head_calls_a_loss_with_what_it_wants(cfg, form, reg_decoded_bbox):
    priors, weight = random_boxes(5, 2), torch.ones(5, 5)
    deltas, wanted = torch.rand(5, 5), torch.rand(5, 5)
    loss, form = build_loss(cfg), form[reg_decoded_bbox]
    decoded = takes_boxes(loss, reg_decoded_bbox, 5)
    assert decoded == (form == 'boxes')
    target = wanted + priors if decoded else wanted
    got = regression_loss(loss, deltas, target, weight, 3, lambda d: d + priors, decoded)
    boxes = dict(pred_decode=deltas + priors, targets_decode=wanted + priors)
    if form == 'both':
        expected = loss(deltas, wanted, weight, avg_factor=3, **boxes)
    else:
        pair = (deltas, wanted) if form == 'deltas' else boxes.values()
        expected = loss(*pair, weight, avg_factor=3)
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize('cfg', [dict(type='GIoULoss'), dict(type='KLDRepPointsLoss')])
def test_a_loss_of_other_boxes_is_refused_when_the_head_is_built(cfg):
    with pytest.raises(ValueError, match=cfg['type']):
        takes_boxes(build_loss(cfg), True, 5)
    head = dict(type='RotatedRetinaHead', num_classes=2, in_channels=8, loss_bbox=cfg)
    with pytest.raises(ValueError, match='choose another loss_bbox'):
        build_head(head)


def test_what_a_loss_does_not_take_is_an_error_without_a_sample_too():
    for count in (0, 2):
        with pytest.raises(TypeError, match=r"L1Loss takes no .'avg_facter'"):
            build_loss(dict(type='L1Loss'))(torch.zeros(count, 4), torch.zeros(count, 4), avg_facter=3)


@every_loss
def test_a_reduction_that_is_none_is_refused(cfg):
    pred, target, boxes = inputs(cfg, 3)
    loss = build_loss(cfg)
    for wrong in (True, 'max'):
        with pytest.raises(AssertionError, match='reduction must be one of'):
            loss(pred, target, torch.ones(3), reduction_override=wrong, **boxes)
