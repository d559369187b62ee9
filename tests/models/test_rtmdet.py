"""RTMDet's head: its targets, losses and options beyond what whole detectors show."""

import copy

import numpy as np
import pytest
import torch

from mmrotate.models import build_detector, build_head, build_loss, build_neck
from mmrotate.models.dense_heads.anchor_free_head import best_pairs
from mmrotate.ops import diff_iou_rotated_2d
from mmrotate.utils.errors import ArgumentError
from mmrotate.utils.fuse import Speedups, fuse_conv_bn, sped_up
from tests.helpers import golden, reference, zoo
from tests.models.test_golden_newer import filled, model_config

TINY = 'rotated_rtmdet_tiny-3x-dota'


def small(head=(), version='le90'):
    """A narrow RTMDet of three classes."""
    cfg = model_config(TINY)
    cfg['backbone'].update(widen_factor=0.125, init_cfg=None)
    cfg['neck'].update(in_channels=[32, 64, 128], out_channels=16)
    coder = dict(type='DistanceAnglePointCoder', angle_version=version)
    parts = dict(in_channels=16, feat_channels=16, num_classes=3, angle_version=version, bbox_coder=coder)
    cfg['bbox_head'].update(parts, **dict(head))
    if 'type' in dict(head):
        del cfg['bbox_head']['share_conv']
    return cfg


@pytest.mark.parametrize('name', [TINY, 'rotated_rtmdet_s-3x-dota'])
def test_targets_are_those_of_the_reference(name):
    model, values, img = filled(name)
    size = values['input_hw']
    truth = [reference.ground_truth(values['seed'], i, 'le90', size, 15) for i in range(2)]
    boxes, labels = map(list, zip(*truth, strict=True))
    head = model.bbox_head
    with torch.no_grad():
        outputs = head(model.extract_feat(img))
    points = head._grid(outputs[0])
    rows = [[m.flatten(2).transpose(1, 2) for m in maps] for maps in outputs]
    found = head.get_targets(points, *rows, boxes, labels, reference.metas(*size))
    keys = ('labels', 'label_weights', 'bbox_targets', 'assign_metrics')
    for key, levels in zip(keys, found, strict=True):
        expected = golden.tensor(f'{name}/{key}', 'newer/rtmdet_targets.npz')
        torch.testing.assert_close(torch.cat(levels, 1), expected, rtol=1e-5, atol=1e-5, check_dtype=False)
    priors, decoded = (golden.tensor(f'{name}/{key}', 'newer/rtmdet_targets.npz') for key in ('priors', 'decoded'))
    own = head._with_strides(points)
    assert torch.equal(own, priors[:, :3].float())
    _, *preds = (torch.cat(fields, 1) for fields in rows)
    boxes = torch.stack([head._boxes(own, *(field[i] for field in preds)) for i in range(2)])
    torch.testing.assert_close(boxes, decoded, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize('mode', ['linear', 'square', 'log'])
def test_rotated_iou_loss(mode):
    values = {
        key: golden.tensor(f'loss_rotated_iou_{mode}/{key}', 'newer/ops.npz')
        for key in ('pred', 'target', 'weight', 'out', 'grad')
    }
    raw = diff_iou_rotated_2d(values['pred'][None], values['target'][None])[0]
    torch.testing.assert_close(raw, golden.tensor('loss_rotated_iou_raw/iou', 'newer/ops.npz'), rtol=0, atol=1e-5)
    pred, weight = values['pred'].requires_grad_(), values['weight']
    loss = build_loss(dict(type='RotatedIoULoss', mode=mode, loss_weight=2.0))
    out = loss(pred, values['target'], weight, avg_factor=weight.sum())
    out.backward()
    torch.testing.assert_close(out.detach(), values['out'], rtol=1e-4, atol=1e-6)
    scale = values['grad'].abs().max()
    torch.testing.assert_close(pred.grad / scale, values['grad'] / scale, rtol=1e-3, atol=1e-4)


CSL = dict(type='CSLCoder', angle_version='le90', omega=4, window='gaussian', radius=1)
OPTIONS = {
    'plain': {},
    'one tower': dict(type='RotatedRTMDetHead', exp_on_reg=True, scale_angle=True),
    'objectness': dict(with_objectness=True, share_conv=False, pred_kernel_size=3),
    'upright and classes': dict(
        use_hbbox_loss=True,
        angle_coder=CSL,
        loss_angle=dict(type='SmoothFocalLoss', loss_weight=0.2),
        loss_bbox=dict(type='GIoULoss', loss_weight=2.0),
    ),
    'upright and waves': dict(
        use_hbbox_loss=True,
        angle_coder=dict(type='PSCCoder', angle_version='le90'),
        loss_angle=dict(type='L1Loss', loss_weight=0.2),
        loss_bbox=dict(type='GIoULoss', loss_weight=2.0),
    ),
    'waves': dict(angle_coder=dict(type='ACMCoder', angle_version='le90')),
    'distributions': dict(
        gaussian_coder=dict(type='GauChoPointCoder', angle_version='le90'),
        loss_bbox=dict(type='GDLoss_GauCho', loss_type='probiou', gaussian_prediction=True),
    ),
    'distributions as boxes': dict(
        type='RotatedRTMDetHead', gaussian_coder=dict(type='GauChoPointCoder', angle_version='le90')
    ),
}


@pytest.mark.parametrize('counts', [(2, 0), (0, 0), (500, 1)])
@pytest.mark.parametrize('option', OPTIONS)
def test_hard_batches(option, counts):
    model = build_detector(small(OPTIONS[option])).train()
    model.init_weights()
    batch = zoo.batch(counts, (96, 64), 'le90', beyond=20)
    losses = model.forward_train(**batch)
    model._parse_losses(losses)[0].backward()
    assert all(v.isfinite() for values in losses.values() for v in values)
    bare = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert bare == []
    with torch.no_grad():
        result = model.eval().simple_test(batch['img'], batch['img_metas'])
    assert all(np.isfinite(boxes).all() for image in result for boxes in image)


@pytest.mark.parametrize('version', zoo.VERSIONS)
def test_every_angle_version(version):
    model = reference.fill(build_detector(small(version=version)))
    batch = zoo.batch((3, 2), (64, 64), version)
    losses = model.forward_train(**batch)
    assert all(v.isfinite() for values in losses.values() for v in values)
    with torch.no_grad():
        boxes = np.concatenate(model.simple_test(batch['img'], batch['img_metas'])[0])
    assert len(boxes) and (boxes[:, 2:4] > 0).all()


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_losses_under_mixed_precision_are_those_of_float32(dtype):
    model = build_detector(small()).train()
    batch = zoo.batch((5, 2), (64, 64), 'le90')
    whole = model._parse_losses(model.forward_train(**batch))[0]
    with torch.autocast('cpu', dtype):
        losses = model.forward_train(**batch)
    assert {v.dtype for values in losses.values() for v in values} == {torch.float32}
    assert model._parse_losses(losses)[0].item() == pytest.approx(whole.item(), rel=0.05)


def test_training_in_float16_with_a_scaled_loss_goes_as_in_float32():
    """On a GPU; the engine takes bfloat16 on a CPU."""
    batch, runs = zoo.batch((5, 2), (64, 64), 'le90'), []
    first = build_detector(small()).train()
    first.init_weights()
    for enabled in (False, True):
        model = copy.deepcopy(first)
        optimizer = torch.optim.SGD(model.parameters(), 1e-3)
        scaler = torch.amp.GradScaler('cpu', init_scale=512.0, enabled=enabled)
        losses = []
        for _ in range(3):
            optimizer.zero_grad()
            with torch.autocast('cpu', torch.float16, enabled=enabled):
                loss, _ = model._parse_losses(model.forward_train(**batch))
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            losses.append(loss.item())
        assert scaler.get_scale() == (512.0 if enabled else 1.0)  # no step overflowed
        runs.append(losses)
    assert runs[1] == pytest.approx(runs[0], rel=0.02) and runs[0][2] != runs[0][0]


def test_norms_are_folded_into_convolutions_that_levels_share():
    model = reference.fill(build_detector(small()))
    images = zoo.batch((1,), (64, 64), 'le90')['img']
    with torch.no_grad():
        before = reference.flatten(model.forward_dummy(images))
        with sped_up(model, Speedups()):
            meanwhile = reference.flatten(model.forward_dummy(images))
        after = reference.flatten(fuse_conv_bn(model).forward_dummy(images))
    torch.testing.assert_close(meanwhile, before, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)


def test_positions_beyond_an_image_do_not_count():
    model = build_detector(small()).train()
    batch = zoo.batch((2, 2), (64, 64), 'le90')
    batch['img_metas'][1]['pad_shape'] = (64, 32, 3)
    head, seen = model.bbox_head, []
    whole = head.loss_cls.forward
    head.loss_cls.forward = lambda *args, **kwargs: seen.append(args[2]) or whole(*args, **kwargs)
    model.forward_train(**batch)
    first = seen[0].view(2, 8, 8)
    assert first[0].all() and first[1, :, :4].all() and not first[1, :, 4:].any()


def test_targets_are_the_same_image_by_image():
    head, seen = build_detector(small()).bbox_head, []
    levels = [torch.rand(2, size, channels) for channels in (3, 4, 1) for size in (64, 16, 4)]
    points = head._grid([torch.zeros(1, 1, side, side) for side in (8, 4, 2)])
    batch = zoo.batch((4, 1), (64, 64), 'le90')
    batch['img_metas'][1]['pad_shape'] = (64, 32, 3)
    rest = (levels[:3], [16 * x for x in levels[3:6]], levels[6:])
    inputs = (points, *rest, batch['gt_bboxes'], batch['gt_labels'], batch['img_metas'])
    together = head.get_targets(*inputs)
    whole = head.assigner.assign
    head.assigner.assign = lambda *args: seen.append(len(args[1])) or whole(*args)
    alone = head.get_targets(*inputs)
    assert seen == [84, 42] and (torch.cat(alone[0], 1) < 3).any(1).all()
    for field, other in zip(together, alone, strict=True):
        torch.testing.assert_close(torch.cat(field, 1), torch.cat(other, 1))


def test_the_best_pairs_of_box_and_class():
    scores = torch.tensor([[0.1, 0.9], [0.5, 0.6], [0.2, 0.05]])
    rows, labels, values = best_pairs(scores, 0.1, 3)
    assert rows.tolist() == [0, 1, 1] and labels.tolist() == [1, 1, 0]
    torch.testing.assert_close(values, torch.tensor([0.9, 0.6, 0.5]))
    assert [field.tolist() for field in best_pairs(scores, 0.55, -1)[:2]] == [[0, 1], [1, 1]]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(angle_version='oc'), "angle_version and that of bbox_coder must be the same, got 'oc' and 'le90'"),
        (dict(use_hbbox_loss=True), 'upright boxes .* got RotatedIoULoss'),
        (dict(angle_coder=CSL), 'need a loss_angle'),
    ],
)
def test_parts_that_do_not_fit(options, message):
    with pytest.raises(ArgumentError, match=message):
        build_head(small(options)['bbox_head'])


def test_the_necks_take_any_channels_and_odd_maps():
    maps = [torch.rand(1, channels, *size) for channels, size in ((40, (9, 7)), (112, (5, 4)), (320, (3, 2)))]
    for kind in ('CSPNeXtPAFPN', 'YOLOXPAFPN'):
        neck = build_neck(dict(type=kind, in_channels=[40, 112, 320], out_channels=24, num_csp_blocks=1))
        assert [tuple(out.shape) for out in neck(maps)] == [(1, 24, 9, 7), (1, 24, 5, 4), (1, 24, 3, 2)]
        with pytest.raises(ArgumentError, match='the neck needs 3 maps, got 2'):
            neck(maps[:2])


def test_pretrained_heads_keep_the_prior_of_what_the_file_leaves_out(tmp_path):
    weights = build_head(small()['bbox_head'])
    torch.save({f'bbox_head.{k}': v for k, v in weights.state_dict().items() if 'rtm_cls' not in k}, tmp_path / 'a.pth')
    pretrained = dict(type='Pretrained', prefix='bbox_head.', checkpoint=str(tmp_path / 'a.pth'))
    head = build_head(small(dict(init_cfg=pretrained))['bbox_head'])
    head.init_weights()
    assert head.rtm_cls[0].bias.sigmoid().allclose(torch.tensor(0.01))
    assert torch.equal(head.reg_convs[0][0].conv.weight, weights.reg_convs[0][0].conv.weight)
