"""H2RBox: views of an image, what is learned between them, and upright labels of rotated ones."""

import math

import pytest
import torch
from torch import nn

from mmrotate.core.bbox import obb2hbb, obb2poly, obb2xyxy, rbbox_overlaps
from mmrotate.models import build_detector
from mmrotate.models.builder import build_loss
from mmrotate.models.dense_heads.fcos_targets import Positives
from mmrotate.models.dense_heads.h2rbox_head import _partners, nested_projection
from mmrotate.models.turn import Turn
from mmrotate.utils.errors import ArgumentError
from tests.helpers import golden, zoo

FILE = 'newer/weak.npz'


def tensors(name):
    prefix = f'{name}/'
    found = golden._arrays(FILE)
    return {key.removeprefix(prefix): golden.tensor(key, FILE) for key in found.files if key.startswith(prefix)}


@pytest.mark.parametrize('padding', ['reflection', 'zeros'])
@pytest.mark.parametrize('angle', [0.0, 0.7, -2.2])
def test_views(padding, angle):
    given, data = tensors('view'), tensors(f'view_{padding}_{angle}')
    turn = Turn(angle, 48, 48)
    img, boxes = turn.images(given['image'], padding)[..., 8:40, 4:44], turn.boxes(given['boxes'])
    torch.testing.assert_close(img, data['out'], atol=1e-4, rtol=0)
    boxes[:, :2] -= torch.tensor([4, 8])
    torch.testing.assert_close(obb2poly(boxes), obb2poly(data['out_boxes']), atol=1e-3, rtol=0)


def test_a_view_of_a_wide_image_turns_pixels_and_boxes_alike():
    """The reference squeezes images that are not square."""
    height, width = 40, 60
    img = torch.zeros(1, 1, height, width)
    img[..., 10:14, 40:48] = 1
    turn = Turn(math.pi / 2, height, width)
    y, x = (turn.images(img, 'zeros')[0, 0] > 0.5).nonzero().float().T + 0.5
    (cx, cy, w, h, _), *_ = turn.boxes(torch.tensor([[44.0, 12, 8, 4, 0]])).tolist()
    assert (x.mean().item(), y.mean().item()) == pytest.approx((cx, cy)) == (38, 34)
    assert (y.max() - y.min() + 1, x.max() - x.min() + 1) == (w, h) == (8, 4)


@pytest.mark.parametrize('center', [0.0, 0.3])
def test_consistency_of_boxes(center):
    data = tensors(f'loss_h2rbox_consistency_center{center}')
    loss = build_loss(
        dict(type='H2RBoxConsistencyLoss', loss_weight=0.4, center_loss_cfg=dict(type='L1Loss', loss_weight=center))
    )
    pred = data['pred'].requires_grad_()
    out = loss(pred, data['target'], data['weight'], avg_factor=data['weight'].sum())
    torch.testing.assert_close(out, data['out'].squeeze(), atol=0, rtol=1e-4)
    out.backward()
    torch.testing.assert_close(pred.grad, data['grad'], atol=1e-6, rtol=1e-3)
    boxes = zip(pred.split(1), data['target'].split(1), data['weight'].split(1), strict=True)
    alone = [loss(*box, avg_factor=1.0) for box in boxes]
    each = loss(pred, data['target'], data['weight'], reduction_override='none')
    torch.testing.assert_close(each, torch.stack(alone))


def test_each_box_chooses_its_way_unless_as_published():
    """Two boxes of which one is said by its other side in the second view."""
    pred, target = (
        torch.tensor([[0.0, 0, 8, 2, 0.1], [9, 9, 2, 6, 0.1 - math.pi / 2]]),
        torch.tensor([[0.0, 0, 8, 2, 0.1], [9, 9, 6, 2, 0.1]]),
    )
    shared, own = (build_loss(dict(type='H2RBoxConsistencyLoss', as_published=way)) for way in (True, False))
    weight = torch.tensor([1.0, 3])
    assert shared(pred, target, weight, avg_factor=4.0) > 0.5
    assert own(pred, target, weight, avg_factor=4.0).item() == pytest.approx(0, abs=1e-5)
    first = [each[:1] for each in (pred + 1, target, weight)]
    torch.testing.assert_close(own(*first, avg_factor=4.0), shared(*first, avg_factor=4.0))


@pytest.mark.parametrize('snap', [0, 1])
@pytest.mark.parametrize('mask', [0, 1])
def test_consistency_of_angles(snap, mask):
    data = tensors(f'loss_h2rbox_v2_snap{snap}_mask{mask}')
    loss = build_loss(dict(type='H2RBoxV2ConsistencyLoss', use_snap_loss=bool(snap)))
    preds = [data[view].requires_grad_() for view in ('ori', 'rot', 'flp')]
    out = loss(*preds, data['target_ori'], data['target_rot'], data['mask'] if mask else None)
    torch.testing.assert_close(out, data['out'].squeeze(), atol=0, rtol=1e-4)
    out.backward()
    for view, pred in zip(('ori', 'rot', 'flp'), preds, strict=True):
        torch.testing.assert_close(pred.grad, data[f'grad_{view}'], atol=1e-6, rtol=1e-3)


def test_upright_boxes_around_rotated_ones():
    data = tensors('nested_projection')
    pred, target = nested_projection(data['pred'], data['target'])
    torch.testing.assert_close(pred, data['out_pred'], atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(target, data['out_target'], atol=1e-4, rtol=1e-5)
    data = tensors('obb2xyxy_h2rbox')
    torch.testing.assert_close(obb2xyxy(data['boxes']), data['out'], atol=1e-4, rtol=1e-5)


def test_positions_meet_where_they_are_turned_to():
    """Of a map of 3 x 4 cells and one of 2 x 2, two images each, in a quarter turn about (16, 12)."""
    maps = [torch.zeros(2, 1, 3, 4), torch.zeros(2, 1, 2, 2)]
    rows = torch.tensor([1, 12 + 6, 24 + 4 + 3])
    points, strides = torch.tensor([[12.0, 4], [20, 12], [24, 24]]), torch.tensor([[8.0], [8], [16]])
    nothing = torch.zeros(3)
    pos = Positives(rows, nothing, points, strides, *[nothing] * 5, None, nothing)
    cells, partners, inside = _partners(pos, maps, Turn(math.pi / 2, 24, 32))
    assert cells.tolist() == [[3, 1], [2, 2], [0, 1]]
    assert inside.tolist() == [True, True, True]
    assert partners.tolist() == [7, 12 + 10, 24 + 4 + 2]


def detector(method='h2rbox', **changes):
    config = zoo.tiny(method)
    config.update(changes)
    return build_detector(config).train()


@pytest.mark.parametrize('size', [(96, 64), (32, 32)])
def test_the_middle_of_larger_images_is_learned_from(size):
    model, data = detector(crop_size=(64, 48)), zoo.batch((3, 0), size, 'le90')
    img, boxes, turned, turn = model._cropped(data['img'], data['gt_bboxes'])
    height, width = min(size[0], 64), min(size[1], 48)
    assert img.shape == turned.shape == (2, 3, height, width)
    assert turn[1:] == (height, width) and -math.pi <= turn.angle <= math.pi
    shift = data['gt_bboxes'][0][0] - boxes[0][0]
    assert shift.tolist() == [(size[1] - width) // 2, (size[0] - height) // 2, 0, 0, 0]
    losses = model.forward_train(**data)
    assert all(value.isfinite() for value in losses.values())


@pytest.mark.parametrize('classes', [[], [0, 2]])
def test_classes_are_told_apart_without_an_empty_tensor(classes):
    """Programs that run files give anything for the largest of none: every box was made upright, and of wrong size."""

    class Among(nn.Module):
        def forward(self, labels):
            return head._among(labels, classes)

    head, labels = build_detector(zoo.tiny('h2rbox')).bbox_head, torch.tensor([0, 1, 2, 2])
    program = torch.export.export(Among(), (labels,))
    assert program.module()(labels).tolist() == [label in classes for label in labels]
    shapes = [value.shape for node in program.graph.nodes if (value := node.meta.get('val')) is not None]
    assert shapes and all(0 not in shape for shape in shapes)


def test_results_of_square_classes_are_upright():
    """Of a position of two classes, one of them square."""
    head = detector().bbox_head
    level = [torch.tensor([[0.9, 0.8, 0]]), torch.ones(1), torch.tensor([[20.0, 20]])]
    level += [torch.tensor([[5.0, 2, 5, 2]]), torch.tensor([[0.6]])]
    found, labels = head._best_detections([level], None, head.test_cfg, False)
    assert labels.tolist() == [0, 1]
    torch.testing.assert_close(found[0], torch.tensor([20, 20, 10, 4, 0.6, 0.9]))
    torch.testing.assert_close(found[1, :5], obb2hbb(found[:1, :5], 'le90')[0])


def test_parts_that_do_not_fit_are_refused():
    config = zoo.tiny('h2rbox')
    for change in (
        dict(use_hbbox_loss=True),
        dict(angle_version='oc'),
        dict(loss_bbox=dict(type='RotatedIoULoss')),
        dict(weak_supervised=False),
        dict(square_classes=[3]),
    ):
        with pytest.raises(ArgumentError):
            build_detector(dict(config, bbox_head=dict(config['bbox_head'], **change)))


def test_rotated_labels_can_be_learned_too():
    config = zoo.tiny('h2rbox')
    config['bbox_head'].update(weak_supervised=False, loss_bbox=dict(type='RotatedIoULoss'))
    losses = build_detector(config).train().forward_train(**zoo.batch((3, 2), (64, 64), 'le90'))
    assert set(losses) == {'loss_cls', 'loss_bbox', 'loss_centerness', 'loss_bbox_ss'}
    assert all(value.isfinite() for value in losses.values())


def test_boxes_are_those_of_a_user_without_views():
    """``loss`` without a view is that of FCOS on upright boxes."""
    model, data = detector(), zoo.batch((2,), (64, 64), 'le90')
    outs = model.bbox_head(model.extract_feat(data['img']))
    losses = model.bbox_head.loss(*outs, data['gt_bboxes'], data['gt_labels'], data['img_metas'])
    assert set(losses) == {'loss_cls', 'loss_bbox', 'loss_centerness'}
    assert all(value.isfinite() for value in losses.values())


@pytest.mark.slow
@pytest.mark.parametrize(('as_published', 'learns'), [(False, True), (True, False)])
def test_upright_labels_and_a_turned_view_teach_the_angle(as_published, learns):
    """A small network that sees the direction of an object says how it lies, but for its ends."""
    net = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
    net.append(nn.Linear(64, 3))
    loss, upright = (build_loss(dict(type=kind)) for kind in ('H2RBoxConsistencyLoss', 'IoULoss'))
    loss.as_published = as_published

    def found(angles):
        sides, turned = net(torch.stack([(2 * angles).cos(), (2 * angles).sin()], 1)).split([2, 1], 1)
        return torch.cat([torch.zeros_like(sides), 20 * sides.exp(), turned], 1)

    def drawn(count):
        angles = math.pi * torch.rand(count)
        return angles, torch.cat([torch.tensor([0.0, 0, 30, 10]).expand(count, 4), angles[:, None]], 1)

    optimizer = torch.optim.AdamW(net.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.005, 600, pct_start=0.1)
    for _ in range(600):
        (angles, boxes), turn = drawn(24), 2 * math.pi * float(torch.rand(1))
        own, turned = found(angles), found(angles + turn)
        wanted = torch.cat([own[:, :4], own[:, 4:] + turn], 1)
        total = upright(obb2xyxy(own), obb2xyxy(boxes)) + loss(turned, wanted)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        angles, boxes = drawn(500)
        overlaps = rbbox_overlaps(found(angles), boxes, is_aligned=True)
    assert (overlaps.mean() > 0.9) == learns
