"""YOLOX's head: its losses, options, results and keys."""

import re

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mmrotate.core.bbox import CenterSizeAnglePointCoder
from mmrotate.models import build_detector, build_head
from mmrotate.ops import box_iou_rotated
from mmrotate.utils.errors import ArgumentError
from tests.helpers import reference, zoo
from tests.models.test_rtmdet import CSL

SIZE = (64, 96)


def detector(**head):
    torch.manual_seed(0)
    cfg = zoo.tiny('rotated_yolox', 'le90')
    cfg['bbox_head'].update(head)
    model = build_detector(cfg)
    model.init_weights()
    return model


@pytest.mark.parametrize('version', zoo.VERSIONS)
def test_a_box_is_its_centre_from_the_point_its_sides_and_its_angle(version):
    coder, points, boxes = (
        CenterSizeAnglePointCoder(angle_version=version),
        torch.rand(9, 2) * 90,
        zoo.boxes(9, SIZE, version),
    )
    codes = coder.encode(points, boxes)
    torch.testing.assert_close(codes[:, :2], boxes[:, :2] - points)
    torch.testing.assert_close(coder.decode(points, codes), boxes)


@pytest.mark.parametrize('use_l1', [False, True])
def test_losses_are_those_of_their_formulas(use_l1):
    model = detector(use_l1=use_l1).train()
    head, batch = model.bbox_head, zoo.batch((3, 5), SIZE, 'le90')
    outs = head(model.extract_feat(batch['img']))
    found = head.loss(*outs, batch['gt_bboxes'], batch['gt_labels'], batch['img_metas'])
    totals = dict.fromkeys(found, 0.0)
    count = 0
    for i, (gt, gt_labels) in enumerate(zip(batch['gt_bboxes'], batch['gt_labels'], strict=True)):
        scores, boxes, angles, objects = (torch.cat([m[i].flatten(1).T for m in maps]) for maps in outs)
        corners = torch.cat([F.pad(p, (0, 1), value=s) for p, s in zip(head._grid(outs[0]), head.strides, strict=True)])
        decoded = torch.cat([corners[:, :2] + boxes[:, :2], boxes[:, 2:], angles], 1)
        middles = torch.cat([corners[:, :2] + corners[:, 2:] / 2, corners[:, 2:]], 1)
        root = (scores.sigmoid() * objects.sigmoid()).sqrt().logit()
        owner = head.assigner.assign(root, middles, decoded, gt, gt_labels).gt_inds
        pos, gts = owner > 0, owner[owner > 0] - 1
        count += int(pos.sum())
        ious = box_iou_rotated(decoded[pos].detach(), gt[gts], aligned=True)
        classes = F.one_hot(gt_labels[gts], zoo.NUM_CLASSES) * ious[:, None]
        totals['loss_obj'] += F.binary_cross_entropy_with_logits(objects[:, 0], pos.float(), reduction='sum')
        totals['loss_cls'] += F.binary_cross_entropy_with_logits(scores[pos], classes, reduction='sum')
        totals['loss_bbox'] += 5 * (1 - ious**2).sum()
        if use_l1:
            places, strides = corners[pos, :2], corners[pos, 2:]
            raw = torch.cat([boxes[pos, :2] / strides, (boxes[pos, 2:] / strides).log()], 1)
            wanted = torch.cat([(gt[gts, :2] - places) / strides, (gt[gts, 2:4] / strides).log()], 1)
            totals['loss_l1'] += (raw - wanted).abs().sum()
    assert count >= 5 and ('loss_l1' in found) == use_l1
    for name, total in totals.items():
        torch.testing.assert_close(found[name], total / count, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_scores_are_those_of_the_object_times_those_of_the_class():
    model = detector(test_cfg=None).eval()
    img, metas = reference.image('x', *SIZE), reference.metas(*SIZE)
    outs = model.bbox_head(model.extract_feat(img))
    settings = dict(score_thr=0.0, nms_pre=-1, nms=dict(type='nms_rotated', iou_threshold=1.0), max_per_img=10**4)
    dets, labels = model.bbox_head.get_bboxes(*outs, img_metas=metas, cfg=settings)[0]
    scores, objects = (torch.cat([m[0].flatten(1).T for m in outs[i]]).sigmoid() for i in (0, 3))
    expected = (scores * objects).flatten().sort(descending=True).values
    torch.testing.assert_close(dets[:, 5], expected[: len(dets)])
    assert len(dets) == expected.numel() == len(labels)


@pytest.mark.parametrize(
    'parts',
    [
        dict(angle_coder=CSL, loss_angle=dict(type='SmoothFocalLoss', loss_weight=0.2)),
        dict(angle_coder=dict(type='PSCCoder', angle_version='le90')),
        dict(loss_bbox=dict(type='GDLoss', loss_type='kld')),
        dict(loss_angle=dict(type='L1Loss', loss_weight=0.1)),
    ],
)
@pytest.mark.parametrize('counts', [(2, 0), (0, 0), (500, 1)])
def test_other_angles_and_losses(parts, counts):
    model = detector(**parts, use_l1=True).train()
    batch = zoo.batch(counts, SIZE, 'le90', beyond=20)
    total, values = model._parse_losses(model.forward_train(**batch))
    total.backward()
    assert np.isfinite(list(values.values())).all()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()] == []


@pytest.mark.parametrize(
    ('head', 'message'),
    [
        (dict(exp_on_reg=True), "RotatedYOLOXHead has no ['exp_on_reg']"),
        (
            dict(bbox_coder=dict(type='DistanceAnglePointCoder', angle_version='le90')),
            'RotatedYOLOXHead predicts boxes',
        ),
        (dict(type='RotatedRTMDetHead', angle_version='le90'), 'otherwise than the bbox_coder CenterSize'),
        (dict(angle_version='oc'), 'must be the same'),
    ],
)
def test_parts_that_do_not_fit(head, message):
    with pytest.raises(ArgumentError, match=re.escape(message)):
        detector(**head)


def test_keys_are_those_of_an_upright_yolox():
    head = build_head(dict(type='RotatedYOLOXHead', num_classes=3, in_channels=8, feat_channels=8))
    last = {
        f'multi_level_conv_{kind}.{level}.{key}'
        for kind in ('cls', 'reg', 'obj', 'ang') for level in range(3) for key in ('weight', 'bias')
    }  # fmt: skip
    norm = ('weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked')
    towers = {
        f'multi_level_{kind}_convs.{level}.{layer}.{key}'
        for kind in ('cls', 'reg') for level in range(3) for layer in range(2)
        for key in ('conv.weight', *(f'bn.{each}' for each in norm))
    }  # fmt: skip
    assert set(head.state_dict()) == towers | last
